/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/qmp.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/host/clock.h"
#include "agent/host/qmp_stream.h"
#include "proto/cleanup.h"
#include "proto/text.h"

/* QEMU's QMP_REQ_QUEUE_LEN_MAX; above it the monitor stops reading. */
#define IN_FLIGHT_MAX 8u

enum state {
    STATE_IDLE, /* no socket: not started, or waiting to try again */
    STATE_GREETING,
    STATE_NEGOTIATING,
    STATE_READY,
};

struct command {
    TAILQ_ENTRY(command) link;
    json_int_t id;
    bool sent;
    char *text; /* NULL once sent */
    qmp_done done;
    void *userdata;
};

TAILQ_HEAD(commands, command);

struct qmp {
    struct event_base *base;
    struct sockaddr_un address;
    const struct qmp_hooks *hooks;
    void *userdata;
    enum state state;
    int fd;
    struct event *readable, *writable, *timer; /* timer: retry, greeting or reply, by state */
    struct evbuffer *output;
    struct qmp_stream input;
    struct commands commands; /* in the order given; those sent come first */
    unsigned int in_flight;
    json_int_t last_id;
    uint64_t retry_us;
    char version[32];
};

static void command_free(struct command *command)
{
    free(command->text);
    free(command);
}

static void timer_set(struct qmp *qmp, uint64_t us)
{
    struct timeval timeout = timeval_us(us);

    (void)evtimer_add(qmp->timer, &timeout);
}

static void socket_close(struct qmp *qmp)
{
    if (qmp->readable)
        event_free(qmp->readable);
    if (qmp->writable)
        event_free(qmp->writable);
    qmp->readable = qmp->writable = NULL;
    cleanup_fd(&qmp->fd);
    qmp->fd = -EBADF;
    qmp_stream_done(&qmp->input);
    (void)evbuffer_drain(qmp->output, evbuffer_get_length(qmp->output));
    qmp->state = STATE_IDLE;
}

/* Ends the connection: every command fails, then a new attempt is scheduled. */
static void connection_lost(struct qmp *qmp, const struct reason *reason)
{
    struct command *command;

    socket_close(qmp);
    qmp->in_flight = 0;
    /* Ends: idle, no command is accepted. What `done` forgets is still in the queue. */
    while ((command = TAILQ_FIRST(&qmp->commands))) {
        TAILQ_REMOVE(&qmp->commands, command, link);
        command->done(-ENOTCONN, NULL, reason, command->userdata);
        command_free(command);
    }
    timer_set(qmp, qmp->retry_us);
    qmp->retry_us = qmp->retry_us * 2 > QMP_RETRY_MAX_US ? QMP_RETRY_MAX_US : qmp->retry_us * 2;
    qmp->hooks->lost(reason, qmp->userdata);
}

static void output_flush(struct qmp *qmp)
{
    struct reason reason;

    while (evbuffer_get_length(qmp->output) > 0) {
        if (evbuffer_write(qmp->output, qmp->fd) >= 0)
            continue;
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) {
            (void)event_add(qmp->writable, NULL);
            return;
        }
        reason_set(&reason, "writing to QMP at %s: %s", qmp->address.sun_path, strerror(errno));
        connection_lost(qmp, &reason);
        return;
    }
}

static void commands_send(struct qmp *qmp)
{
    struct command *command;

    TAILQ_FOREACH(command, &qmp->commands, link) {
        if (qmp->in_flight >= IN_FLIGHT_MAX)
            break;
        if (command->sent)
            continue;
        if (evbuffer_add(qmp->output, command->text, strlen(command->text)) < 0)
            break; /* out of memory: the next reply tries again */
        free(TAKE(command->text));
        command->sent = true;
        if (qmp->in_flight++ == 0)
            timer_set(qmp, QMP_REPLY_US);
    }
    output_flush(qmp);
}

/* May be called before the client is ready, for the negotiation itself. */
static int command_add(struct qmp *qmp, const char *name, json_t *arguments, qmp_done done, void *userdata)
{
    CLEANUP_JSON json_t *message = NULL;
    struct command *command;

    message = json_pack("{ss sI so*}", "execute", name, "id", qmp->last_id + 1, "arguments", arguments);
    if (!message)
        return -ENOMEM;
    command = calloc(1, sizeof(*command));
    if (!command)
        return -ENOMEM;
    command->text = json_dumps(message, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!command->text) {
        free(command);
        return -ENOMEM;
    }
    command->id = ++qmp->last_id;
    command->done = done;
    command->userdata = userdata;
    TAILQ_INSERT_TAIL(&qmp->commands, command, link);
    /* Sent from the loop, so that a failing socket does not call back into the caller. */
    event_active(qmp->writable, EV_WRITE, 0);
    return 0;
}

static void ignored(int error, json_t *value, const struct reason *reason, void *userdata)
{
    (void)error;
    (void)value;
    (void)reason;
    (void)userdata;
}

void qmp_forget(struct qmp *qmp, const void *userdata)
{
    struct command *command;

    if (!qmp)
        return;
    TAILQ_FOREACH(command, &qmp->commands, link)
        if (command->userdata == userdata)
            command->done = ignored;
}

int qmp_execute(struct qmp *qmp, const char *name, json_t *arguments, qmp_done done, void *userdata)
{
    if (qmp->state != STATE_READY) {
        json_decref(arguments);
        return -ENOTCONN;
    }
    return command_add(qmp, name, arguments, done, userdata);
}

bool qmp_is_ready(const struct qmp *qmp)
{
    return qmp->state == STATE_READY;
}

static void on_negotiated(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct qmp *qmp = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return; /* connection_lost() is at work */
    if (error < 0) {
        connection_lost(qmp, reason);
        return;
    }
    qmp->state = STATE_READY;
    qmp->retry_us = QMP_RETRY_MIN_US;
    qmp->hooks->ready(qmp->version, qmp->userdata);
}

static int greeting_read(struct qmp *qmp, json_t *message, struct reason *reason)
{
    json_t *qemu = json_object_get(json_object_get(json_object_get(message, "QMP"), "version"), "qemu");

    if (!json_is_object(qemu))
        return reason_fail(reason, -EPROTO, "%s sends no QMP greeting: is it a QMP socket?",
                           qmp->address.sun_path);
    (void)snprintf(qmp->version, sizeof(qmp->version), "%d.%d.%d",
                   (int)json_integer_value(json_object_get(qemu, "major")),
                   (int)json_integer_value(json_object_get(qemu, "minor")),
                   (int)json_integer_value(json_object_get(qemu, "micro")));
    qmp->state = STATE_NEGOTIATING;
    if (command_add(qmp, "qmp_capabilities", NULL, on_negotiated, qmp) < 0)
        return reason_fail(reason, -ENOMEM, "out of memory");
    return 0;
}

static struct command *command_find(struct qmp *qmp, json_int_t id)
{
    struct command *command;

    TAILQ_FOREACH(command, &qmp->commands, link)
        if (command->sent && command->id == id)
            return command;
    return NULL;
}

static int reply_read(struct qmp *qmp, json_t *message, struct reason *reason)
{
    json_t *id = json_object_get(message, "id"), *error = json_object_get(message, "error");
    const char *text = json_string_value(json_object_get(error, "desc"));
    struct command *command = json_is_integer(id) ? command_find(qmp, json_integer_value(id)) : NULL;
    struct reason refusal;

    if (!command)
        return reason_fail(reason, -EPROTO, "QEMU answers a command that was not given%s%s", text ? ": " : "",
                           text ? text : "");
    TAILQ_REMOVE(&qmp->commands, command, link);
    if (--qmp->in_flight > 0)
        timer_set(qmp, QMP_REPLY_US);
    else
        (void)evtimer_del(qmp->timer);
    if (error) {
        reason_set(&refusal, "QEMU: %s", text ? text : "an error without a description");
        command->done(-EREMOTEIO, NULL, &refusal, command->userdata);
    } else
        command->done(0, json_object_get(message, "return"), NULL, command->userdata);
    command_free(command);
    return 0;
}

static int message_read(struct qmp *qmp, const char *text, size_t length, struct reason *reason)
{
    CLEANUP_JSON json_t *message = NULL, *empty = json_object();
    json_t *event;
    int r;

    r = varlink_text_parse(text, length, &message, reason);
    if (r < 0)
        return r;
    event = json_object_get(message, "event");
    if (json_is_string(event)) {
        json_t *data = json_object_get(message, "data");

        qmp->hooks->event(json_string_value(event), json_is_object(data) ? data : empty, qmp->userdata);
        return 0;
    }
    if (json_object_get(message, "return") || json_object_get(message, "error"))
        return reply_read(qmp, message, reason);
    if (qmp->state == STATE_GREETING)
        return greeting_read(qmp, message, reason);
    return reason_fail(reason, -EPROTO, "QEMU sent a message that is no reply, no event and no greeting");
}

/* Every message that is complete. A hook may have ended the connection meanwhile, and even a new one begun:
 * `input` is empty then. */
static int input_read(struct qmp *qmp, struct reason *reason)
{
    const char *text;
    size_t length;
    int r;

    while (qmp->state != STATE_IDLE) {
        r = qmp_stream_next(&qmp->input, &text, &length, reason);
        if (r <= 0)
            return r;
        r = message_read(qmp, text, length, reason);
        if (r < 0)
            return r;
    }
    return 0;
}

static void on_readable(evutil_socket_t fd, short events, void *userdata)
{
    struct qmp *qmp = userdata;
    struct reason reason = { 0 };
    char *buffer;
    size_t space;
    ssize_t n;
    int r;

    (void)events;
    r = qmp_stream_reserve(&qmp->input, &buffer, &space);
    if (r < 0) {
        reason_set(&reason, "QMP at %s: %s", qmp->address.sun_path, strerror(-r));
        connection_lost(qmp, &reason);
        return;
    }
    n = recv(fd, buffer, space, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        reason_set(&reason, "QEMU closed QMP at %s%s%s", qmp->address.sun_path, n < 0 ? ": " : "",
                   n < 0 ? strerror(errno) : "");
        connection_lost(qmp, &reason);
        return;
    }
    qmp_stream_commit(&qmp->input, (size_t)n);
    r = input_read(qmp, &reason);
    if (r < 0)
        connection_lost(qmp, &reason);
    else if (qmp->state != STATE_IDLE)
        commands_send(qmp); /* replies made room */
}

static void on_writable(evutil_socket_t fd, short events, void *userdata)
{
    (void)fd;
    (void)events;
    commands_send(userdata);
}

static void connect_now(struct qmp *qmp)
{
    struct reason reason;

    qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* On a Unix socket connect() is done at once, or EAGAIN: the backlog is full. */
    if (qmp->fd < 0 || connect(qmp->fd, (struct sockaddr *)&qmp->address, sizeof(qmp->address)) < 0) {
        reason_set(&reason, "QMP at %s: %s%s", qmp->address.sun_path, strerror(errno),
                   errno == EAGAIN ? " (another client holds it)" : "");
        connection_lost(qmp, &reason);
        return;
    }
    qmp->readable = event_new(qmp->base, qmp->fd, EV_READ | EV_PERSIST, on_readable, qmp);
    qmp->writable = event_new(qmp->base, qmp->fd, EV_WRITE, on_writable, qmp);
    if (!qmp->readable || !qmp->writable || event_add(qmp->readable, NULL) < 0) {
        reason_set(&reason, "QMP at %s: out of memory", qmp->address.sun_path);
        connection_lost(qmp, &reason);
        return;
    }
    qmp->state = STATE_GREETING;
    timer_set(qmp, QMP_GREETING_US);
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct qmp *qmp = userdata;
    struct reason reason;

    (void)fd;
    (void)events;
    switch (qmp->state) {
    case STATE_IDLE:
        connect_now(qmp);
        return;
    case STATE_GREETING:
        reason_set(
            &reason,
            "QMP at %s does not greet: QEMU serves one client per socket, and another one holds this one; "
            "give czone-hostd a -qmp of its own",
            qmp->address.sun_path);
        break;
    default:
        reason_set(&reason, "QEMU has not answered on %s for %u s", qmp->address.sun_path,
                   (unsigned int)(QMP_REPLY_US / 1000000u));
    }
    connection_lost(qmp, &reason);
}

int qmp_new(struct event_base *base, const char *path, const struct qmp_hooks *hooks, void *userdata,
            struct qmp **ret)
{
    struct qmp *qmp;

    if (strlen(path) >= sizeof(qmp->address.sun_path))
        return -ENAMETOOLONG;
    qmp = calloc(1, sizeof(*qmp));
    if (!qmp)
        return -ENOMEM;
    TAILQ_INIT(&qmp->commands);
    qmp->base = base;
    qmp->hooks = hooks;
    qmp->userdata = userdata;
    qmp->fd = -EBADF;
    qmp->retry_us = QMP_RETRY_MIN_US;
    qmp->address.sun_family = AF_UNIX;
    memcpy(qmp->address.sun_path, path, strlen(path) + 1);
    qmp->output = evbuffer_new();
    qmp->timer = evtimer_new(base, on_timer, qmp);
    if (!qmp->output || !qmp->timer) {
        qmp_free(qmp);
        return -ENOMEM;
    }
    *ret = qmp;
    return 0;
}

struct qmp *qmp_free(struct qmp *qmp)
{
    struct command *command;

    if (!qmp)
        return NULL;
    if (qmp->output)
        socket_close(qmp);
    while ((command = TAILQ_FIRST(&qmp->commands))) {
        TAILQ_REMOVE(&qmp->commands, command, link);
        command_free(command);
    }
    if (qmp->timer)
        event_free(qmp->timer);
    if (qmp->output)
        evbuffer_free(qmp->output);
    free(qmp);
    return NULL;
}

void qmp_start(struct qmp *qmp)
{
    timer_set(qmp, 0);
}
