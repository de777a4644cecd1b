/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "agent/oci/input.h"
#include "agent/oci/line.h"
#include "proto/base64.h"
#include "proto/cleanup.h"

/* Exit status where nobody knows the program's own. */
#define NOT_KNOWN 127

/* A stream of replies has a connection of its own, and so has what may have to wait for long: a program need
 * not read its input. */
enum { LINE_LOGS, LINE_WAIT, LINE_INPUT, LINE_SIGNAL, N_LINES };

struct stand_in {
    const struct oci *oci;
    struct stand_in_program program;
    struct line lines[N_LINES];
    struct input input;
    int64_t offset;   /* of the log: what was passed on */
    int signal_fd;    /* signalfd(2) */
    uint64_t signals; /* to be passed on, as bits; SIGWINCH: our terminal has another size */
    int telling;      /* the one that czoned is told of, until it has answered; 0: none */
    bool raw;         /* it was as `before` before */
    struct termios before;
    bool running, log_ended, ended;
    int status, signal;
};

static void write_all(int fd, const unsigned char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno == EAGAIN) {
            struct pollfd room = { .fd = fd, .events = POLLOUT };

            (void)poll(&room, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return; /* nobody reads any more; the program goes on */
        } else if (n > 0) {
            data += n;
            length -= (size_t)n;
        }
    }
}

/* Output, piece by piece to the stream it came from. */
static void pass_on(struct stand_in *self, const json_t *reply)
{
    const json_t *pieces = json_object_get(reply, "pieces"), *piece;
    const char *text = json_string_value(json_object_get(reply, "data"));
    CLEANUP_FREE unsigned char *data = NULL;
    size_t length, at = 0, i;

    self->log_ended = json_is_true(json_object_get(reply, "eof"));
    if (text == NULL || base64_decode(text, &data, &length) < 0)
        return;
    json_array_foreach(pieces, i, piece) {
        json_int_t bytes = json_integer_value(json_object_get(piece, "bytes"));
        bool error = json_integer_value(json_object_get(piece, "stream")) == 2;

        if (bytes < 0 || (size_t)bytes > length - at)
            break;
        write_all(error ? STDERR_FILENO : STDOUT_FILENO, data + at, (size_t)bytes);
        at += (size_t)bytes;
    }
    self->offset = json_integer_value(json_object_get(reply, "offset")) + (json_int_t)length;
}

static bool is_ended(const char *state)
{
    return strcmp(state, "exited") == 0 || strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
}

/* The answer of a Wait: that it runs, or how it ended. */
static void note_state(struct stand_in *self, const json_t *reply)
{
    const json_t *program = json_object_get(reply, self->program.exec != NULL ? "exec" : "container");
    const json_t *status = json_object_get(program, "exit_status");
    const json_t *signal = json_object_get(program, "exit_signal");
    const char *state = json_string_value(json_object_get(program, "state"));

    if (state != NULL && strcmp(state, "running") == 0) {
        self->running = true;
        return;
    }
    if (state == NULL || !is_ended(state)) {
        line_trouble(&self->lines[LINE_WAIT]);
        return;
    }
    self->ended = true;
    self->status = json_is_integer(status) ? (int)json_integer_value(status) : NOT_KNOWN;
    self->signal = (int)json_integer_value(signal);
    /* One that never ran has no log to wait for. */
    if (status == NULL && signal == NULL)
        self->log_ended = true;
}

/* Whether an error means that the program is not there any more. */
static bool is_gone(const char *error)
{
    return strcmp(error, "io.czone.Container.NoSuchContainer") == 0 ||
           strcmp(error, "io.czone.Container.NoSuchExec") == 0;
}

/* What else is refused is asked for again: czoned is busy, or cannot do it in this moment. */
static void take_error(struct stand_in *self, size_t i, const char *error)
{
    bool gone = is_gone(error);

    if (i == LINE_WAIT && gone)
        self->ended = self->log_ended = true; /* how it ended nobody knows any more */
    else if (i == LINE_LOGS && gone)
        self->log_ended = true; /* removed already; the answer of Wait has come before that */
    else if (i == LINE_INPUT && (gone || strcmp(error, "io.czone.Container.NoInput") == 0))
        self->input.closed = true; /* the program has closed it, or has ended */
    else if (i == LINE_SIGNAL && strcmp(error, "io.czone.Monitor.Busy") != 0)
        self->telling = 0; /* there is nobody any more to be told */
    else
        line_trouble(&self->lines[i]);
}

static void take_reply(struct stand_in *self, size_t i, const struct varlink_reply *reply)
{
    if (reply->error != NULL)
        take_error(self, i, reply->error);
    else if (i == LINE_LOGS)
        pass_on(self, reply->parameters);
    else if (i == LINE_WAIT)
        note_state(self, reply->parameters);
    else if (i == LINE_INPUT)
        input_done(&self->input, reply->parameters);
    else
        self->telling = 0;
}

/* Whether there is something to ask or tell on a line. */
static bool has_call(const struct stand_in *self, size_t i)
{
    switch (i) {
    case LINE_LOGS:
        return !self->log_ended;
    case LINE_WAIT:
        return !self->ended;
    case LINE_INPUT:
        return self->running && input_waits(&self->input);
    default:
        return self->running && (self->telling != 0 || self->signals != 0);
    }
}

static void call(struct stand_in *self, size_t i, const char *method, json_t *parameters, unsigned int flags)
{
    const char *container = self->program.container, *exec = self->program.exec;

    if (json_object_set_new(parameters, "id", json_string(container)) < 0 ||
        (exec != NULL && json_object_set_new(parameters, "exec", json_string(exec)) < 0)) {
        json_decref(parameters);
        parameters = NULL;
    }
    line_call(&self->lines[i], self->oci, method, parameters, flags);
}

/* A signal, or the size of our terminal. */
static void tell(struct stand_in *self)
{
    struct winsize size;

    if (self->telling == 0) {
        self->telling = __builtin_ctzll(self->signals);
        self->signals &= self->signals - 1;
    }
    if (self->telling != SIGWINCH)
        call(self, LINE_SIGNAL, "io.czone.Container.Kill",
             json_pack("{s:s}", "signal", sigabbrev_np(self->telling)), 0);
    else if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        self->telling = 0; /* it has none (yet) */
    else
        call(self, LINE_SIGNAL, "io.czone.Container.Resize",
             json_pack("{s:i, s:i}", "columns", size.ws_col, "rows", size.ws_row), 0);
}

static void make_call(struct stand_in *self, size_t i)
{
    switch (i) {
    case LINE_LOGS:
        call(self, i, "io.czone.Container.Logs", json_pack("{s:I}", "offset", (json_int_t)self->offset),
             VARLINK_MORE);
        break;
    case LINE_WAIT:
        call(self, i, "io.czone.Container.Wait",
             json_pack("{s:s}", "until", self->running ? "exited" : "running"), 0);
        break;
    case LINE_INPUT:
        call(self, i, "io.czone.Container.Write", input_parameters(&self->input), 0);
        break;
    default:
        tell(self);
    }
}

static void take_signal(struct stand_in *self)
{
    struct signalfd_siginfo info;

    if (read(self->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        self->signals |= UINT64_C(1) << info.ssi_signo;
}

/* Makes the calls that are due. Returns how long poll(2) may sleep. */
static int make_calls(struct stand_in *self)
{
    int64_t now = oci_ticks(), until = INT64_MAX;

    for (size_t i = 0; i < N_LINES; i++) {
        struct line *line = &self->lines[i];

        if (has_call(self, i) && line_ready(line))
            make_call(self, i);
        if (has_call(self, i) && line->client == NULL && line->not_before < until)
            until = line->not_before;
    }
    if (until == INT64_MAX)
        return -1;
    return until > now ? (int)(until - now) : 0;
}

static void turn(struct stand_in *self)
{
    int sleep_ms = make_calls(self);
    struct pollfd fds[N_LINES + 2] = {
        [N_LINES] = { .fd = self->running && input_wants(&self->input) ? STDIN_FILENO : -1,
                      .events = POLLIN },
        [N_LINES + 1] = { .fd = self->signal_fd, .events = POLLIN },
    };

    for (size_t i = 0; i < N_LINES; i++)
        fds[i] = line_poll(&self->lines[i]);
    if (poll(fds, N_LINES + 2, sleep_ms) < 0)
        return;
    for (size_t i = 0; i < N_LINES; i++) {
        struct varlink_reply reply = VARLINK_REPLY_INIT;

        for (short revents = fds[i].revents; line_next(&self->lines[i], revents, &reply) > 0; revents = 0) {
            take_reply(self, i, &reply);
            varlink_reply_done(&reply);
        }
    }
    if (fds[N_LINES].revents != 0)
        input_read(&self->input);
    if (fds[N_LINES + 1].revents != 0)
        take_signal(self);
}

_Noreturn static void end_as(const struct stand_in *self)
{
    const struct rlimit none = { 0 };
    sigset_t set;

    if (self->raw)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &self->before);
    if (self->signal > 0) {
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(self->signal, SIG_DFL);
        (void)sigemptyset(&set);
        (void)sigprocmask(SIG_SETMASK, &set, NULL);
        (void)raise(self->signal);
        _exit(128 + self->signal);
    }
    _exit(self->status);
}

/* Those that are meant for the program go to the fd, and so does the size of a terminal; others are nobody's.
 */
static void take_signals(struct stand_in *self)
{
    static const int meant[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
    static const int ignored[] = { SIGPIPE, SIGTTOU, SIGTTIN, SIGTSTP };
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++)
        if (self->program.exec != NULL)
            (void)sigaddset(&set, meant[i]);
        else
            (void)signal(meant[i], SIG_IGN);
    if (self->program.terminal)
        (void)sigaddset(&set, SIGWINCH);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    self->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void make_raw(struct stand_in *self)
{
    struct termios raw;

    if (!self->program.terminal || tcgetattr(STDIN_FILENO, &self->before) < 0)
        return;
    raw = self->before;
    cfmakeraw(&raw);
    self->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

_Noreturn void stand_in_become(const struct oci *oci, const struct stand_in_program *program)
{
    struct stand_in self = {
        .oci = oci,
        .program = *program,
        .running = program->exec != NULL,
        .status = NOT_KNOWN,
        .signals = program->terminal ? UINT64_C(1) << SIGWINCH : 0,
    };

    take_signals(&self);
    make_raw(&self);
    while (!self.ended || !self.log_ended)
        turn(&self);
    end_as(&self);
}

/* What was inherited beside the standard streams would stay open as long as the program runs: whoever waits
 * for the end of one of these pipes would wait for that. The same goes for the directory. */
static void let_go(int console)
{
    if (console >= 0) {
        (void)dup2(console, STDIN_FILENO);
        (void)dup2(console, STDOUT_FILENO);
        (void)dup2(console, STDERR_FILENO);
    }
    if (chdir("/") < 0 || close_range(STDERR_FILENO + 1, UINT_MAX, 0) < 0)
        _exit(127);
    (void)setsid();
    /* To be told of a new size. */
    if (console >= 0)
        (void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
}

int stand_in_fork(const struct oci *oci, const struct stand_in_program *program, int console, pid_t *ret_pid)
{
    sigset_t all, before;
    int r = 0;
    pid_t pid;

    /* Who knows its pid may signal it, and it shall not end by that. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        let_go(console);
        stand_in_become(oci, program);
    }
    if (pid < 0)
        r = -errno;
    else
        *ret_pid = pid;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
