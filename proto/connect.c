/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "proto/address.h"
#include "proto/cleanup.h"
#include "proto/deadline.h"
#include "proto/dial.h"

/* Between attempts: short at first, for a daemon that is just starting; then twice a second, for a guest that
 * boots. */
#define PAUSE_FIRST_MS 10
#define PAUSE_LAST_MS  500

static int64_t earlier(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* One attempt. A handshake that has begun is not given up before its own deadline, see address.h. */
static int connect_once(const struct address *address, int64_t deadline, int *ret_fd, struct reason *reason)
{
    CLEANUP(dial_close) struct dial dial = DIAL_INIT;
    int64_t own = deadline_after(DIAL_TIMEOUT_MS);
    int r = dial_start(&dial, address, reason);

    if (r < 0)
        return r;
    while (dial_events(&dial) != 0) {
        struct pollfd pollfd = { .fd = dial.fd, .events = dial_events(&dial) };
        int64_t until = dial.state == DIAL_SHAKING ? own : earlier(own, deadline);
        int n = poll(&pollfd, 1, deadline_remaining(until));

        if (n < 0 && errno != EINTR)
            return reason_fail(reason, -errno, "cannot wait for the connection: %s", strerror(errno));
        if (n == 0)
            return reason_fail(reason, -ETIMEDOUT, "no answer in time");
        if (n < 0)
            continue;
        r = dial_process(&dial, reason);
        if (r < 0)
            return r;
    }
    *ret_fd = dial_take(&dial);
    return 0;
}

int address_connect(const struct address *address, int timeout_ms, unsigned int flags, int *ret_fd,
                    struct reason *reason)
{
    int64_t deadline = deadline_after(timeout_ms);
    struct reason last = { "" };
    char text[ADDRESS_TEXT_MAX];
    int pause = PAUSE_FIRST_MS;

    for (;;) {
        int r = connect_once(address, deadline, ret_fd, &last);

        if (r == 0)
            return 0;
        if (!(flags & ADDRESS_WAIT) || !dial_may_retry(r))
            return reason_fail(reason, r, "%s", last.text);
        if (deadline_remaining(deadline) == 0)
            return reason_fail(reason, -ETIMEDOUT, "nobody answered at %s within %d ms; the last attempt: %s",
                               address_format(address, text), timeout_ms, last.text);
        (void)poll(NULL, 0, deadline_remaining(earlier(deadline, deadline_after(pause))));
        pause = pause * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause * 2;
    }
}
