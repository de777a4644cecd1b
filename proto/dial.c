/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dial.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/sockaddr.h"

static int dial_fail(const struct dial *dial, int error, const char *what, struct reason *reason)
{
    char text[ADDRESS_TEXT_MAX];
    const char *advice = "";

    if (error == -EAFNOSUPPORT)
        advice = ": this kernel has no AF_VSOCK, load the module vhost_vsock (host) or "
                 "vmw_vsock_virtio_transport (guest)";
    else if (error == -ENODEV && dial->address.type == ADDRESS_VSOCK)
        advice = ": no virtual machine has that CID, or vsock has no transport here";
    else if (dial_may_retry(error))
        advice = ": nobody listens there";
    return reason_fail(reason, error, "%s %s: %s%s", what, address_format(&dial->address, text),
                       strerror(-error), advice);
}

/* One write for the whole line: Firecracker and vhost-device-vsock drop a connection whose line comes in
 * pieces. */
static int dial_shake(struct dial *dial, struct reason *reason)
{
    char line[32];
    int length = snprintf(line, sizeof(line), "CONNECT %" PRIu32 "\n", dial->address.port);
    ssize_t n = send(dial->fd, line, (size_t)length, MSG_NOSIGNAL);

    if (n != length)
        return dial_fail(dial, n < 0 ? -errno : -EPIPE, "cannot send CONNECT to", reason);
    dial->state = DIAL_SHAKING;
    return 0;
}

static int dial_connected(struct dial *dial, struct reason *reason)
{
    if (dial->address.type == ADDRESS_HVSOCK)
        return dial_shake(dial, reason);
    dial->state = DIAL_DONE;
    return 0;
}

int dial_start(struct dial *dial, const struct address *address, struct reason *reason)
{
    union sockaddr_any target;
    socklen_t length = sockaddr_of_address(address, &target);
    int r = 0;

    *dial = DIAL_INIT;
    dial->address = *address;
    if (address->type == ADDRESS_VSOCK && address->cid == ADDRESS_ANY_CID)
        return reason_fail(reason, -EINVAL,
                           "cannot connect to any CID: expected vsock:CID[:PORT] with a number");
    dial->fd = socket(target.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dial->fd < 0)
        return dial_fail(dial, -errno, "cannot make a socket for", reason);
    if (connect(dial->fd, &target.any, length) == 0)
        r = dial_connected(dial, reason);
    else if (errno != EINPROGRESS)
        r = dial_fail(dial, -errno, "cannot connect to", reason);
    if (r < 0)
        dial_close(dial);
    return r;
}

short dial_events(const struct dial *dial)
{
    return dial->state == DIAL_CONNECTING ? POLLOUT : dial->state == DIAL_SHAKING ? POLLIN : 0;
}

static int dial_check_connect(struct dial *dial, struct reason *reason)
{
    struct pollfd pollfd = { .fd = dial->fd, .events = POLLOUT };
    int error = 0;
    socklen_t length = sizeof(error);

    if (poll(&pollfd, 1, 0) <= 0)
        return 0;
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error != 0)
        return dial_fail(dial, -error, "cannot connect to", reason);
    return dial_connected(dial, reason);
}

/* `OK` and a number: whose, differs between the VMMs. */
static bool is_answer(const char *text)
{
    return strncmp(text, "OK ", 3) == 0 && text[3] != '\0' &&
           strspn(text + 3, "0123456789") == strlen(text + 3);
}

/* Byte by byte, so that nothing behind the line is swallowed. Returns 1 when the line is complete. */
static int dial_read_answer(struct dial *dial, struct reason *reason)
{
    char c;
    ssize_t n;

    for (;;) {
        n = recv(dial->fd, &c, 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0)
            return dial_fail(dial, n < 0 ? -errno : -ECONNREFUSED, "the VMM did not connect", reason);
        if (c == '\n')
            break;
        if (dial->answer_length == sizeof(dial->answer) - 1)
            return dial_fail(dial, -EPROTO, "no hybrid vsock answers at", reason);
        dial->answer[dial->answer_length++] = c;
    }
    dial->answer[dial->answer_length] = '\0';
    if (strlen(dial->answer) != dial->answer_length || !is_answer(dial->answer))
        return reason_fail(reason, -EPROTO,
                           "the hybrid vsock %s answered '%s' to CONNECT: expected 'OK <number>'",
                           dial->address.path, dial->answer);
    return 1;
}

int dial_process(struct dial *dial, struct reason *reason)
{
    int r;

    if (dial->state == DIAL_CONNECTING) {
        r = dial_check_connect(dial, reason);
        if (r < 0)
            return r;
    }
    if (dial->state == DIAL_SHAKING) {
        r = dial_read_answer(dial, reason);
        if (r < 0)
            return r;
        if (r > 0)
            dial->state = DIAL_DONE;
    }
    return dial->state == DIAL_DONE;
}

int dial_take(struct dial *dial)
{
    return take_fd(&dial->fd);
}

void dial_close(struct dial *dial)
{
    if (dial->fd >= 0)
        (void)close(dial->fd);
    dial->fd = -EBADF;
}

bool dial_may_retry(int error)
{
    switch (-error) {
    case ENOENT:       /* the VMM or daemon has not made its socket */
    case ECONNREFUSED: /* nobody listens yet */
    case ECONNRESET:
    case EPIPE:
    case ENODEV: /* no guest with that CID yet */
    case ETIMEDOUT:
    case EAGAIN: /* a Unix socket's backlog is full */
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}
