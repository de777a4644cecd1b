/* SPDX-License-Identifier: Apache-2.0 */
#include "launch.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base64.h"

/* From connecting until the request, since who starts containers keeps a connection; and from the last answer
 * until what is in them is looked at and output asked for. All are no part of a start, and would take its
 * CPU. */
#define PAUSE_US 100000

/* One message at a time; what comes after it waits in the buffer. */
struct connection {
    int fd;
    size_t used;
    char buffer[1 << 20];
};

static void dial(struct connection *connection, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        die("too long a path", path);
    (void)stpcpy(address.sun_path, path);
    connection->used = 0;
    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("cannot connect to", path);
}

static void send_all(const struct connection *connection, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(connection->fd, data, size);

        if (n < 0)
            die("cannot write to", "czoned");
        data += n;
        size -= (size_t)n;
    }
}

static void read_more(struct connection *connection)
{
    ssize_t n = read(connection->fd, connection->buffer + connection->used,
                     sizeof(connection->buffer) - connection->used);

    if (n <= 0)
        die("cannot read from", "czoned");
    connection->used += (size_t)n;
}

/* Until so many messages are there. */
static void await(struct connection *connection, unsigned n)
{
    for (size_t seen = 0; n > 0; seen++) {
        while (seen == connection->used)
            read_more(connection);
        n -= connection->buffer[seen] == '\0';
    }
}

/* The caller frees it. */
static json_t *receive(struct connection *connection)
{
    json_t *message;
    char *end;
    size_t size;

    while (!(end = memchr(connection->buffer, '\0', connection->used)))
        read_more(connection);
    message = json_loads(connection->buffer, 0, NULL);
    if (!message || json_object_get(message, "error"))
        die("czoned answers", connection->buffer);
    size = (size_t)(end + 1 - connection->buffer);
    connection->used -= size;
    memmove(connection->buffer, end + 1, connection->used);
    return message;
}

/* All Spawns in one write. The caller frees it. */
static char *spawns(const char *prefix, const char *parameters, unsigned n, size_t *ret_size)
{
    size_t room = n * (strlen(parameters) + strlen(prefix) + 128), used = 0;
    char *text = malloc(room);

    if (!text || parameters[0] != '{')
        die("no Spawn of", parameters);
    for (unsigned i = 0; i < n; i++) {
        int length = snprintf(text + used, room - used,
                              "{\"method\":\"io.czone.Container.Spawn\",\"parameters\":{\"id\":\"%s%u\",%s}",
                              prefix, i, parameters + 1);

        if (length < 0 || (size_t)length >= room - used)
            die("no room for", prefix);
        used += (size_t)length + 1;
    }
    *ret_size = used;
    return text;
}

/* Follows the log of one container up to its first line, on a connection that is good for nothing else then.
 */
static void follow(struct connection *connection, const char *prefix, unsigned index,
                   struct launched *ret_launched)
{
    char request[512], text[256] = "";
    size_t used = 0;
    int length =
        snprintf(request, sizeof(request),
                 "{\"method\":\"io.czone.Container.Logs\",\"parameters\":{\"id\":\"%s%u\"},\"more\":true}",
                 prefix, index);

    send_all(connection, request, (size_t)length + 1);
    while (!strchr(text, '\n')) {
        json_t *reply = receive(connection);
        const char *data = "";
        size_t size = 0;
        unsigned char *bytes = NULL;

        (void)json_unpack(reply, "{s:{s:s}}", "parameters", "data", &data);
        if (data[0] != '\0' && base64_decode(data, &bytes, &size) < 0)
            die("no base64:", data);
        if (size > 0 && used == 0)
            ret_launched->output = monotonic_ns();
        if (used + size >= sizeof(text))
            die("too much output of", prefix);
        if (size > 0)
            memcpy(text + used, bytes, size);
        used += size;
        free(bytes);
        json_decref(reply);
    }
    ret_launched->instruction = parse_stamp(text);
}

void launch_czoned(const char *socket, const char *prefix, const char *parameters, unsigned n,
                   struct launched *ret_launched)
{
    static struct connection calls, logs;
    size_t size;
    char *text = spawns(prefix, parameters, n, &size);
    uint64_t request;

    dial(&calls, socket);
    (void)usleep(PAUSE_US);
    request = monotonic_ns();
    send_all(&calls, text, size);
    await(&calls, n);
    (void)usleep(PAUSE_US);
    for (unsigned i = 0; i < n; i++)
        json_decref(receive(&calls));
    for (unsigned i = 0; i < n; i++) {
        ret_launched[i].request = request;
        dial(&logs, socket);
        follow(&logs, prefix, i, &ret_launched[i]);
        (void)close(logs.fd);
    }
    (void)close(calls.fd);
    free(text);
}
