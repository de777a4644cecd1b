/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "proto/base64.h"
#include "proto/cleanup.h"

#define INPUT_SIZE 16384
/* czoned is away: it is restarted, or gone for good. */
#define RECONNECT_MS 500

/* Each stream of replies has a connection of its own. */
enum line { LINE_LOGS, LINE_WAIT, LINE_INPUT, N_LINES };

struct stand_in {
    const struct oci *oci;
    const char *container;
    const struct stand_in_streams *streams;
    struct varlink_client *lines[N_LINES];
    int64_t offset; /* of the log: what was passed on */
    int signals;    /* signalfd: SIGWINCH */
    bool running, input_ended, log_ended, ended;
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
            return; /* nobody reads any more; the container goes on */
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
    if (pieces == NULL)
        write_all(self->streams->out, data, length); /* a czoned that keeps both streams as one */
    json_array_foreach(pieces, i, piece) {
        json_int_t bytes = json_integer_value(json_object_get(piece, "bytes"));
        bool error = json_integer_value(json_object_get(piece, "stream")) == 2;

        if (bytes < 0 || (size_t)bytes > length - at)
            break;
        write_all(error ? self->streams->err : self->streams->out, data + at, (size_t)bytes);
        at += (size_t)bytes;
    }
    self->offset = json_integer_value(json_object_get(reply, "offset")) + (json_int_t)length;
}

/* The answer of a Wait: first that it runs, then how it ended. */
static void note_state(struct stand_in *self, const json_t *reply)
{
    const json_t *container = json_object_get(reply, "container");
    const json_t *status = json_object_get(container, "exit_status");
    const json_t *signal = json_object_get(container, "exit_signal");

    if (!self->running) {
        self->running = true;
        return;
    }
    self->ended = true;
    self->status = json_is_integer(status) ? (int)json_integer_value(status) : 127;
    self->signal = (int)json_integer_value(signal);
    /* One that never ran has no log to wait for. */
    if (status == NULL && signal == NULL)
        self->log_ended = true;
}

static int send_call(struct stand_in *self, enum line line, const char *method, json_t *parameters,
                     unsigned int flags)
{
    if (parameters == NULL || json_object_set_new(parameters, "id", json_string(self->container)) < 0) {
        json_decref(parameters);
        return -ENOMEM;
    }
    return varlink_client_send(self->lines[line], method, parameters, flags);
}

static void hang_up(struct stand_in *self)
{
    for (int i = 0; i < N_LINES; i++)
        self->lines[i] = varlink_client_free(self->lines[i]);
}

/* Sends what has to be under way on lines that are idle. */
static int ask(struct stand_in *self)
{
    int r = 0;

    if (!self->log_ended && !varlink_client_busy(self->lines[LINE_LOGS]))
        r = send_call(self, LINE_LOGS, "io.czone.Container.Logs",
                      json_pack("{s:I}", "offset", (json_int_t)self->offset), VARLINK_MORE);
    if (r == 0 && !self->ended && !varlink_client_busy(self->lines[LINE_WAIT]))
        r = send_call(self, LINE_WAIT, "io.czone.Container.Wait",
                      json_pack("{s:s}", "until", self->running ? "exited" : "running"), 0);
    return r;
}

static int connect_all(struct stand_in *self)
{
    struct address address;
    int r = address_parse(self->oci->address, &address, NULL);

    for (int i = 0; r == 0 && i < N_LINES; i++)
        r = varlink_client_connect(&address, RECONNECT_MS, 0, &self->lines[i], NULL);
    return r;
}

/* Returns 0 or what ended the connection. */
static int take_replies(struct stand_in *self, enum line line)
{
    struct varlink_reply reply = { 0 };
    int r;

    while ((r = varlink_client_next_reply(self->lines[line], &reply)) > 0) {
        if (reply.error != NULL) {
            /* Removed by somebody, so it is not there any more; input is not wanted any more. */
            self->ended |= line == LINE_WAIT;
            self->log_ended |= line != LINE_INPUT;
            self->input_ended |= line == LINE_INPUT;
        } else if (line == LINE_LOGS) {
            pass_on(self, reply.parameters);
        } else if (line == LINE_WAIT) {
            note_state(self, reply.parameters);
        }
        varlink_reply_done(&reply);
    }
    return r;
}

static int take_input(struct stand_in *self)
{
    unsigned char data[INPUT_SIZE];
    CLEANUP_FREE char *text = NULL;
    ssize_t n = read(self->streams->in, data, sizeof(data));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0) {
        self->input_ended = true;
        return send_call(self, LINE_INPUT, "io.czone.Container.Write",
                         json_pack("{s:s, s:b}", "data", "", "eof", 1), 0);
    }
    text = malloc(BASE64_LENGTH((size_t)n) + 1);
    if (text == NULL)
        return -ENOMEM;
    base64_encode(data, (size_t)n, text);
    text[BASE64_LENGTH((size_t)n)] = '\0';
    return send_call(self, LINE_INPUT, "io.czone.Container.Write", json_pack("{s:s}", "data", text), 0);
}

/* The caller's terminal has another size. */
static int resize(struct stand_in *self)
{
    struct signalfd_siginfo info;
    struct winsize size;

    if (read(self->signals, &info, sizeof(info)) < 0 || ioctl(self->streams->in, TIOCGWINSZ, &size) < 0)
        return 0;
    return send_call(self, LINE_INPUT, "io.czone.Container.Resize",
                     json_pack("{s:i, s:i}", "columns", size.ws_col, "rows", size.ws_row), 0);
}

/* One turn. Returns 0 or what ended a connection. */
static int turn(struct stand_in *self)
{
    bool idle = self->running && !varlink_client_busy(self->lines[LINE_INPUT]);
    struct pollfd fds[N_LINES + 2] = {
        [N_LINES] = { .fd = idle && !self->input_ended ? self->streams->in : -1, .events = POLLIN },
        [N_LINES + 1] = { .fd = idle ? self->signals : -1, .events = POLLIN },
    };
    int r = ask(self);

    for (int i = 0; i < N_LINES; i++)
        fds[i] = (struct pollfd){ .fd = varlink_client_fd(self->lines[i]),
                                  .events = varlink_client_events(self->lines[i]) };
    if (r == 0 && poll(fds, N_LINES + 2, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    for (enum line i = 0; r == 0 && i < N_LINES; i++) {
        r = varlink_client_process(self->lines[i], fds[i].revents);
        if (r == 0)
            r = take_replies(self, i);
    }
    if (r == 0 && fds[N_LINES + 1].revents != 0)
        return resize(self);
    return r == 0 && fds[N_LINES].revents != 0 ? take_input(self) : r;
}

_Noreturn static void end_as(const struct stand_in *self)
{
    const struct rlimit none = { 0 };
    sigset_t set;

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

static void set_up(struct stand_in *self)
{
    static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTTOU, SIGTTIN, SIGTSTP };
    sigset_t set;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)setsid();
    if (!self->streams->terminal)
        return;
    /* To be told of a new size. */
    (void)ioctl(self->streams->in, TIOCSCTTY, 0);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGWINCH);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

_Noreturn void stand_in_run(const struct oci *oci, const char *container,
                            const struct stand_in_streams *streams)
{
    struct stand_in self = {
        .oci = oci, .container = container, .streams = streams, .signals = -EBADF, .status = 127
    };

    set_up(&self);
    while (!self.ended || !self.log_ended) {
        int r = self.lines[0] == NULL ? connect_all(&self) : turn(&self);

        if (r < 0) {
            hang_up(&self);
            (void)poll(NULL, 0, RECONNECT_MS);
        }
    }
    end_as(&self);
}
