/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/line.h"

#include <errno.h>
#include <poll.h>

/* czoned is away, it is restarted or gone for good; or it is busy. */
#define AGAIN_MS 250
/* A Unix socket answers at once, but for one whose backlog is full. */
#define CONNECT_MS 1000

bool line_ready(const struct line *line)
{
    if (line->client != NULL)
        return !varlink_client_busy(line->client);
    return oci_ticks() >= line->not_before;
}

void line_close(struct line *line)
{
    line->client = varlink_client_free(line->client);
}

void line_trouble(struct line *line)
{
    line_close(line);
    line->not_before = oci_ticks() + AGAIN_MS;
}

static int open_line(struct line *line, const struct oci *oci)
{
    struct address address;
    int r = address_parse(oci->address, &address, NULL);

    return r == 0 ? varlink_client_connect(&address, CONNECT_MS, 0, &line->client, NULL) : r;
}

void line_call(struct line *line, const struct oci *oci, const char *method, json_t *parameters,
               unsigned int flags)
{
    int r = line->client == NULL ? open_line(line, oci) : 0;

    if (r < 0)
        json_decref(parameters);
    else
        r = varlink_client_send(line->client, method, parameters, flags);
    if (r < 0)
        line_trouble(line);
}

struct pollfd line_poll(const struct line *line)
{
    if (line->client == NULL)
        return (struct pollfd){ .fd = -EBADF };
    return (struct pollfd){ .fd = varlink_client_fd(line->client),
                            .events = varlink_client_events(line->client) };
}

int line_next(struct line *line, short revents, struct varlink_reply *ret_reply)
{
    int r;

    if (line->client == NULL)
        return 0;
    if (revents != 0)
        (void)varlink_client_process(line->client, revents); /* its error comes after what came before it */
    r = varlink_client_next_reply(line->client, ret_reply);
    if (r < 0 && varlink_client_busy(line->client))
        line_trouble(line);
    else if (r < 0)
        line_close(line);
    return r > 0;
}
