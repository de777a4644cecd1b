/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/keeper.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "agent/guest/clock.h"
#include "agent/guest/keeper/input.h"
#include "agent/guest/keeper/link.h"
#include "agent/guest/keeper/output.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/keeper/start.h"
#include "agent/guest/launch/failure.h"
#include "proto/cleanup.h"

struct keeper {
    struct link link;
    struct launch launch; /* its pipes and pty belong to out, err and input once the program runs */
    struct output out, err;
    struct input input;
    struct log_writer log;
    struct keeper_record record;
    struct launch_standby standby; /* until START, if PREPARE came before it */
    int record_fd;
    int slave;           /* keeps a pty from ending while the program has it closed for a moment */
    struct winsize size; /* was told before there was a pty */
};

static void set_flag(uint32_t *flags, uint32_t flag, bool on)
{
    *flags = on ? *flags | flag : *flags & ~flag;
}

static bool log_ended(const struct keeper *keeper)
{
    return keeper->record.status.state >= KEEPER_RUNNING && keeper->out.fd < 0 && keeper->err.fd < 0;
}

/* Brings the status up to date with what it is a picture of. */
static struct keeper_status *status_of(struct keeper *keeper)
{
    struct keeper_status *status = &keeper->record.status;

    set_flag(&status->flags, KEEPER_PIDFD, false); /* of one message, link_tell() knows which */
    set_flag(&status->flags, KEEPER_TTY, keeper->input.tty);
    set_flag(&status->flags, KEEPER_LOG_ENDED, log_ended(keeper));
    set_flag(&status->flags, KEEPER_INPUT_OPEN, keeper->input.fd >= 0 && !keeper->input.end_asked);
    status->log_begin = keeper->log.begin;
    status->log_end = keeper->log.end;
    status->log_lost = keeper->log.lost;
    status->input_received = keeper->input.received;
    status->input_written = keeper->input.written;
    return status;
}

/* Everybody shall know, the file first: it is what counts when we are gone. */
static void publish(struct keeper *keeper)
{
    (void)status_of(keeper);
    if (keeper->record_fd >= 0)
        (void)keeper_record_update(keeper->record_fd, &keeper->record); /* in place: it has its room */
    keeper->link.status_due = true;
}

static void refuse(struct keeper *keeper, const struct launch_failure *failure)
{
    launch_discard(&keeper->launch);
    launch_standby_drop(&keeper->standby);
    keeper_failed_set(&keeper->record.failed, failure);
    keeper->record.status.state = KEEPER_REFUSED;
    keeper->link.failed_due = true;
    publish(keeper);
}

static int fail(struct launch_failure *failure, int error, const char *what)
{
    return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, error, NULL,
                              "the keeper cannot %s in its run directory: %s", what, strerror(-error));
}

/* Before anything is written or done: a czoned that was killed and the next one may both have had this
 * program started, and of two keepers one only may. */
static int settle(struct keeper *keeper, int run_dir, struct launch_failure *failure)
{
    int r = link_listen(&keeper->link, run_dir);

    if (r < 0)
        return fail(failure, r, "listen");
    /* Nor does anything run before this: without it the next czoned takes the program for one that never did.
     */
    keeper->record_fd = keeper_record_create(run_dir, &keeper->record);
    return keeper->record_fd < 0 ? fail(failure, keeper->record_fd, "create the file status") : 0;
}

/* The same was done by czoned. */
static int take_over(struct keeper *keeper, int *record, struct launch_failure *failure)
{
    int r;

    if (keeper->link.listener < 0)
        return fail(failure, -EBADF, "listen");
    link_moved(&keeper->link);
    keeper->record_fd = take_fd(record);
    keeper->record.let_go = 1;
    r = keeper_record_update(keeper->record_fd, &keeper->record);
    return r < 0 ? fail(failure, r, "write the file status") : 0;
}

static int start(struct keeper *keeper, const struct keeper_start *start, struct keeper_fds *fds,
                 struct launch_failure *failure)
{
    bool settled = (start->flags & KEEPER_START_BRIEFED) && fds->fd[START_RECORD] >= 0;
    struct keeper_status *status = &keeper->record.status;
    int run_dir = fds->fd[START_RUN_DIR], r;

    status->state = KEEPER_STARTING;
    r = settled ? take_over(keeper, &fds->fd[START_RECORD], failure) : settle(keeper, run_dir, failure);
    if (r < 0)
        return r;
    r = log_writer_open(&keeper->log, run_dir, start->log_limit, start->log_segment);
    if (r < 0)
        return fail(failure, r, "create the log");
    r = start_launch(start, fds, &keeper->standby, &keeper->launch, &keeper->input.tty, failure);
    if (r == 0)
        status->pid = keeper->launch.pid;
    return r;
}

/* What cannot be had is told about in answer to START. Listens first: czoned moves the name as soon as there
 * is a standby that it can tell what to run. */
static void on_prepare(struct keeper *keeper, struct keeper_fds *fds)
{
    if (keeper->record.status.state != KEEPER_IDLE || keeper->standby.launch.pidfd >= 0 ||
        fds->fd[PREPARE_HALL] < 0) {
        link_drop(&keeper->link);
        return;
    }
    (void)link_prepare(&keeper->link, fds->fd[PREPARE_HALL]);
    (void)start_prepare(fds, &keeper->standby);
}

static void on_start(struct keeper *keeper, const struct keeper_start *message, struct keeper_fds *fds)
{
    struct launch_failure failure;

    if (keeper->record.status.state != KEEPER_IDLE || !start_complete(message, fds)) {
        link_drop(&keeper->link);
        return;
    }
    if (start(keeper, message, fds, &failure) < 0)
        refuse(keeper, &failure);
    else
        publish(keeper);
}

/* The launch's fds find their places. */
static void take_stdio(struct keeper *keeper)
{
    struct launch *launch = &keeper->launch;

    keeper->out.stream = LOG_STDOUT;
    keeper->err.stream = LOG_STDERR;
    if (keeper->input.tty) {
        keeper->out.fd = keeper->input.fd = take_fd(&launch->tty_fd);
        keeper->slave = ioctl(keeper->out.fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (keeper->size.ws_col)
            (void)ioctl(keeper->out.fd, TIOCSWINSZ, &keeper->size);
    } else {
        keeper->out.fd = take_fd(&launch->stdout_fd);
        keeper->err.fd = take_fd(&launch->stderr_fd);
        keeper->input.fd = take_fd(&launch->stdin_fd);
    }
}

static void on_result(struct keeper *keeper)
{
    struct launch_failure failure;
    int r;

    r = launch_result_read(&keeper->launch, &failure);
    if (r == 0)
        return;
    if (r < 0) {
        refuse(keeper, &failure);
        return;
    }
    launch_result_close(&keeper->launch);
    take_stdio(keeper);
    keeper->record.status.state = KEEPER_RUNNING;
    keeper->record.status.started_ns = clock_realtime();
    publish(keeper);
}

static void close_slave(struct keeper *keeper)
{
    cleanup_fd(&keeper->slave);
    keeper->slave = -EBADF;
}

/* A pty that has ended takes no input either: both have the same fd. */
static void check_tty(struct keeper *keeper)
{
    if (keeper->input.tty && keeper->out.fd < 0)
        input_close(&keeper->input);
}

/* Also when others could go on writing. */
static void end_output(struct keeper *keeper)
{
    output_close(&keeper->out);
    output_close(&keeper->err);
    check_tty(keeper);
}

static void on_exit_of_program(struct keeper *keeper)
{
    struct keeper_status *status = &keeper->record.status;
    siginfo_t end = { 0 };

    if (waitid(P_PIDFD, (id_t)keeper->launch.pidfd, &end, WEXITED | WNOHANG) < 0 || end.si_pid == 0)
        return;
    cleanup_fd(&keeper->launch.pidfd);
    keeper->launch.pidfd = -EBADF;
    status->state = KEEPER_ENDED;
    status->wait_code = end.si_code;
    status->wait_status = end.si_status;
    status->ended_ns = clock_realtime();
    close_slave(keeper);
    output_drain(&keeper->out, &keeper->log);
    output_drain(&keeper->err, &keeper->log);
    input_close(&keeper->input);
    /* The terminal of a session is hung up with its leader: nobody has it any more. */
    if (keeper->input.tty)
        end_output(keeper);
    publish(keeper);
}

static void on_output(struct keeper *keeper, struct output *output)
{
    bool moved = output_read(output, &keeper->log);

    check_tty(keeper);
    if (log_ended(keeper))
        publish(keeper);
    else if (moved && keeper->link.follow)
        keeper->link.status_due = true;
}

static void on_input(struct keeper *keeper, const char *data, size_t length)
{
    if (input_take(&keeper->input, data, length) < 0)
        link_drop(&keeper->link);
    else if (keeper->input.used == 0)
        keeper->link.status_due = true;
}

static void on_resize(struct keeper *keeper, const struct keeper_resize *resize)
{
    keeper->size = (struct winsize){ .ws_col = resize->columns, .ws_row = resize->rows };
    if (keeper->input.tty && keeper->out.fd >= 0)
        (void)ioctl(keeper->out.fd, TIOCSWINSZ, &keeper->size);
}

static void on_message(struct keeper *keeper, const union keeper_message *message, size_t length,
                       struct keeper_fds *fds)
{
    switch (message->header.kind) {
    case KEEPER_PREPARE:
        on_prepare(keeper, fds);
        break;
    case KEEPER_START:
        on_start(keeper, &message->start, fds);
        break;
    case KEEPER_INPUT:
        on_input(keeper, message->input.data, length);
        break;
    case KEEPER_RESIZE:
        on_resize(keeper, &message->resize);
        break;
    case KEEPER_FOLLOW:
        keeper->link.follow = message->follow.wanted != 0;
        keeper->link.status_due = true;
        break;
    case KEEPER_FORGET:
        if (keeper->record.status.state == KEEPER_ENDED) {
            end_output(keeper);
            publish(keeper);
        }
        break;
    default: /* one of ours */
        link_drop(&keeper->link);
        break;
    }
}

static void on_peer(struct keeper *keeper)
{
    /* Not on the stack, and touched only as far as a message goes. */
    static union keeper_message message;
    CLEANUP(keeper_fds_close) struct keeper_fds fds = KEEPER_FDS_INIT;
    size_t length;
    int r;

    r = keeper_receive(keeper->link.peer, &message, &length, &fds);
    if (r == 1)
        on_message(keeper, &message, length, &fds);
    else if (r != -EAGAIN)
        link_drop(&keeper->link);
}

/* Whether there is nothing left to do. */
static bool is_done(const struct keeper *keeper)
{
    uint32_t state = keeper->record.status.state;

    if (state == KEEPER_IDLE)
        return keeper->link.peer < 0;
    if (keeper->link.peer >= 0 && (keeper->link.status_due || keeper->link.failed_due))
        return false;
    return state == KEEPER_REFUSED || (state == KEEPER_ENDED && log_ended(keeper));
}

enum slot { PEER, LISTENER, RESULT, PIDFD, OUT, ERR, INPUT, SLOTS };

/* poll(2) skips negative fds. */
static void fill(const struct keeper *keeper, struct pollfd slots[SLOTS])
{
    const struct link *link = &keeper->link;

    slots[PEER] = (struct pollfd){ .fd = link->peer, .events = POLLIN };
    if (link->status_due || link->failed_due)
        slots[PEER].events |= POLLOUT;
    /* Before START there is nothing that could be told to anybody. */
    slots[LISTENER] =
        (struct pollfd){ .fd = keeper->record.status.state == KEEPER_IDLE ? -EBADF : link->listener,
                         .events = POLLIN };
    slots[RESULT] = (struct pollfd){ .fd = keeper->launch.result_fd, .events = POLLIN };
    slots[PIDFD] = (struct pollfd){ .fd = keeper->launch.pidfd, .events = POLLIN };
    slots[OUT] = (struct pollfd){ .fd = keeper->out.fd, .events = POLLIN };
    slots[ERR] = (struct pollfd){ .fd = keeper->err.fd, .events = POLLIN };
    slots[INPUT] =
        (struct pollfd){ .fd = input_waits(&keeper->input) ? keeper->input.fd : -EBADF, .events = POLLOUT };
}

/* Whether the slot has news, about the fd that is still the same. */
static bool is_ready(const struct pollfd *slot, int fd, short events)
{
    return slot->fd >= 0 && slot->fd == fd && (slot->revents & (events | POLLHUP | POLLERR));
}

static void serve(struct keeper *keeper, const struct pollfd slots[SLOTS])
{
    if (is_ready(&slots[INPUT], keeper->input.fd, POLLOUT)) {
        input_flush(&keeper->input);
        if (keeper->input.used == 0)
            keeper->link.status_due = true;
    }
    if (is_ready(&slots[OUT], keeper->out.fd, POLLIN))
        on_output(keeper, &keeper->out);
    if (is_ready(&slots[ERR], keeper->err.fd, POLLIN))
        on_output(keeper, &keeper->err);
    /* Both may come at once: first whether it ran, then how it ended. */
    if (is_ready(&slots[RESULT], keeper->launch.result_fd, POLLIN))
        on_result(keeper);
    if (is_ready(&slots[PIDFD], keeper->launch.pidfd, POLLIN) && keeper->launch.result_fd < 0)
        on_exit_of_program(keeper);
    if (is_ready(&slots[PEER], keeper->link.peer, POLLIN))
        on_peer(keeper);
    if (slots[LISTENER].revents & POLLIN)
        link_accept(&keeper->link);
}

static void tell(struct keeper *keeper)
{
    link_tell(&keeper->link, status_of(keeper), &keeper->record.failed, keeper->launch.pidfd);
}

static int loop(struct keeper *keeper)
{
    for (;;) {
        struct pollfd slots[SLOTS];

        tell(keeper);
        if (is_done(keeper))
            return 0;
        fill(keeper, slots);
        if (poll(slots, SLOTS, -1) < 0 && errno != EINTR)
            return -errno;
        serve(keeper, slots);
    }
}

int keeper_run(int socket)
{
    struct keeper keeper = {
        .link = LINK_INIT,
        .launch = LAUNCH_INIT,
        .out = OUTPUT_INIT,
        .err = OUTPUT_INIT,
        .input = INPUT_INIT,
        .log = LOG_WRITER_INIT,
        .standby = LAUNCH_STANDBY_INIT,
        .record = { .status = { .header = { .kind = KEEPER_STATUS, .version = KEEPER_VERSION },
                                .keeper_pid = getpid() },
                    .failed = { .header = { .kind = KEEPER_FAILED, .version = KEEPER_VERSION } } },
        .record_fd = -EBADF,
        .slave = -EBADF,
    };
    int r;

    link_serve(&keeper.link, socket);
    tell(&keeper);
    json_object_seed(0); /* reads /dev/urandom: not when START has come */
    r = loop(&keeper);
    launch_discard(&keeper.launch);
    launch_standby_drop(&keeper.standby);
    end_output(&keeper);
    input_close(&keeper.input);
    close_slave(&keeper);
    link_close(&keeper.link);
    cleanup_fd(&keeper.record_fd);
    log_writer_close(&keeper.log);
    return r;
}
