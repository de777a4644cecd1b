/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One turn of a busy peer must not keep a loop from the others: so many reads and no more. */
#define READS_PER_TURN 16

int stream_open(struct stream *stream, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    stream->fd = fd;
    return 0;
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        (void)close(stream->fd);
    stream->fd = -EBADF;
    varlink_frame_done(&stream->input);
    output_done(&stream->output);
    if (stream->error == 0)
        stream->error = -ENOTCONN;
}

int stream_break(struct stream *stream, int error, const char *format, ...)
{
    va_list list;

    if (stream->error < 0)
        return stream->error;
    stream->error = error;
    va_start(list, format);
    reason_set_list(&stream->reason, format, list);
    va_end(list);
    /* Replies that are finished go out; then the socket reports an event in any loop, so that its owner comes
     * to close it. */
    (void)output_flush(&stream->output, stream->fd);
    (void)shutdown(stream->fd, SHUT_RDWR);
    return error;
}

static int stream_fail(struct stream *stream, int error)
{
    if (error == -ECONNRESET || error == -EPIPE)
        return stream_break(stream, error, "the peer closed the connection");
    return stream_break(stream, error, "the connection failed: %s", strerror(-error));
}

static int stream_read(struct stream *stream)
{
    size_t space;
    char *buffer;
    ssize_t n;
    int r = varlink_frame_reserve(&stream->input, &buffer, &space);

    if (r == -ENOBUFS)
        return 0;
    if (r < 0)
        return stream_break(stream, r, "out of memory");
    do
        n = recv(stream->fd, buffer, space, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        return stream_fail(stream, -errno);
    stream->ended = n == 0;
    varlink_frame_commit(&stream->input, (size_t)n);
    return n > 0;
}

int stream_fill(struct stream *stream)
{
    int r = 1;

    for (int i = 0; r > 0 && i < READS_PER_TURN && !stream->ended && stream->error == 0; i++)
        r = stream_read(stream);
    return stream->error;
}

int stream_flush(struct stream *stream)
{
    int r;

    if (stream->error < 0)
        return stream->error;
    r = output_flush(&stream->output, stream->fd);
    return r < 0 ? stream_fail(stream, r) : 0;
}

int stream_queue(struct stream *stream, const char *text, size_t length)
{
    int r;

    if (stream->error < 0)
        return stream->error;
    r = output_append(&stream->output, text, length);
    if (r == -ENOBUFS)
        return stream_break(stream, r, "the peer does not read: %zu bytes wait for it",
                            output_pending(&stream->output));
    if (r < 0)
        return stream_break(stream, r, "out of memory");
    return 0;
}

short stream_events(struct stream *stream)
{
    short events = 0;

    if (stream->error < 0)
        return POLLIN | POLLOUT;
    if (!stream->ended && !varlink_frame_full(&stream->input))
        events |= POLLIN;
    if (output_pending(&stream->output) > 0)
        events |= POLLOUT;
    return events;
}

bool stream_is_abandoned(const struct stream *stream)
{
    struct pollfd pollfd = { .fd = stream->fd };

    if (!stream->ended || stream->fd < 0)
        return false;
    /* A Unix socket says POLLHUP when both directions are shut. */
    if (poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR)))
        return true;
    /*
     * vsock does not (vsock_poll() wants our own shutdown too), but vsock_connectible_sendmsg() looks at the
     * peer's before it looks at the length: a send of nothing is a question.
     */
    return send(stream->fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EINTR;
}
