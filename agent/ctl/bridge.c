/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/bridge.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (64u * 1024u)

/* One direction. */
struct pump {
    int from, to;
    const char *from_name, *to_name;
    size_t start, end; /* of what is in the buffer */
    bool eof;          /* nothing more comes */
    bool done;         /* and nothing more goes */
    char buffer[BUFFER_SIZE];
};

static bool passing(int error)
{
    return error == EAGAIN || error == EINTR;
}

static int take(struct pump *pump, struct reason *reason)
{
    /* Only after poll(2) said so, so that a blocking descriptor does not block. */
    ssize_t n = read(pump->from, pump->buffer, sizeof(pump->buffer));

    if (n < 0 && passing(errno))
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return reason_fail(reason, -errno, "cannot read from %s: %s", pump->from_name, strerror(errno));
    if (n <= 0) {
        pump->eof = true;
        return 0;
    }
    pump->start = 0;
    pump->end = (size_t)n;
    return 0;
}

static int give(struct pump *pump, struct reason *reason)
{
    size_t length = pump->end - pump->start;
    ssize_t n = send(pump->to, pump->buffer + pump->start, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == ENOTSOCK)
        /* A pipe that poll(2) calls writable takes PIPE_BUF without blocking; more might block, with the
         * other direction waiting. */
        n = write(pump->to, pump->buffer + pump->start, length < PIPE_BUF ? length : PIPE_BUF);
    if (n < 0 && passing(errno))
        return 0;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        pump->done = true;
        return 0;
    }
    if (n < 0)
        return reason_fail(reason, -errno, "cannot write to %s: %s", pump->to_name, strerror(errno));
    pump->start += (size_t)n;
    return 0;
}

/* All has come and gone: the end itself is passed on. */
static void finish(struct pump *pump)
{
    if (pump->done || !pump->eof || pump->start < pump->end)
        return;
    if (shutdown(pump->to, SHUT_WR) < 0 && errno == ENOTSOCK)
        (void)close(pump->to);
    pump->done = true;
}

static int move(struct pump *pump, short from_events, short to_events, struct reason *reason)
{
    int r = 0;

    if (pump->done)
        return 0;
    if (pump->start == pump->end && !pump->eof && from_events & (POLLIN | POLLHUP | POLLERR))
        r = take(pump, reason);
    if (r == 0 && pump->start < pump->end && to_events & (POLLOUT | POLLHUP | POLLERR))
        r = give(pump, reason);
    if (r == 0)
        finish(pump);
    return r;
}

enum {
    LOCAL_IN,
    LOCAL_OUT,
    REMOTE,
    FDS,
};

/* What to wait for. A descriptor with nothing to do is not polled, or its POLLHUP would keep us spinning. */
static void prepare(struct pollfd polls[FDS], const struct pump *up, const struct pump *down)
{
    bool up_reads = !up->done && !up->eof && up->start == up->end,
         up_writes = !up->done && up->start < up->end;
    bool down_reads = !down->done && !down->eof && down->start == down->end;
    bool down_writes = !down->done && down->start < down->end;

    polls[LOCAL_IN] = (struct pollfd){ .fd = up_reads ? up->from : -1, .events = POLLIN };
    /* POLLERR and POLLHUP of the client's end are wanted also while nothing is to be written. */
    polls[LOCAL_OUT] =
        (struct pollfd){ .fd = down->done ? -1 : down->to, .events = down_writes ? POLLOUT : 0 };
    polls[REMOTE] = (struct pollfd){
        .fd = down_reads || down->done || up_writes ? up->to : -1,
        .events = (short)((down_reads ? POLLIN : 0) | (up_writes ? POLLOUT : 0)),
    };
}

int bridge_run(int local_in, int local_out, int remote, struct reason *reason)
{
    struct pump up = { .from = local_in, .to = remote, .from_name = "the client", .to_name = "the guest" };
    struct pump down = { .from = remote, .to = local_out, .from_name = "the guest", .to_name = "the client" };

    while (!up.done || !down.done) {
        struct pollfd polls[FDS];
        int r;

        prepare(polls, &up, &down);
        if (poll(polls, FDS, -1) < 0) {
            if (errno == EINTR)
                continue;
            return reason_fail(reason, -errno, "poll: %s", strerror(errno));
        }
        r = move(&down, polls[REMOTE].revents, polls[LOCAL_OUT].revents, reason);
        if (r == 0)
            r = move(&up, polls[LOCAL_IN].revents, polls[REMOTE].revents, reason);
        if (r < 0)
            return r;
        /* The client is gone: nobody is there for replies. What it had sent before still goes out. */
        if (polls[LOCAL_OUT].revents & (POLLERR | POLLHUP))
            down.done = true;
        /* Both directions of the guest's end are closed, and all it had sent has been passed on. */
        if (polls[REMOTE].revents & (POLLERR | POLLHUP) && down.done)
            return 0;
    }
    return 0;
}
