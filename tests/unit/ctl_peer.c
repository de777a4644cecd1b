/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_peer.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/address.h"

#define DEADLINE_MS 20000

json_t *peer_json(const char *text)
{
    char *copy = strdup(text);
    json_error_t error;
    json_t *object;

    for (char *at = copy; *at; at++)
        if (*at == '\'')
            *at = '"';
    object = json_loads(copy, 0, &error);
    ck_assert_msg(object != NULL, "test's own JSON: %s in %s", error.text, copy);
    free(copy);
    return object;
}

void peer_reply(struct varlink_connection *connection, const char *text)
{
    ck_assert_int_eq(varlink_connection_reply(connection, peer_json(text)), 0);
}

void peer_continue(struct varlink_connection *connection, const char *text)
{
    ck_assert_int_eq(varlink_connection_reply_continue(connection, peer_json(text)), 0);
}

void peer_error(struct varlink_connection *connection, const char *error, const char *text)
{
    ck_assert_int_eq(varlink_connection_error(connection, error, peer_json(text)), 0);
}

const char *peer_container(const char *id, const char *state, const char *more)
{
    static char text[4096];

    (void)snprintf(
        text, sizeof(text),
        "{'container':{'id':'%s','state':'%s','args':['/bin/true'],'pid':0,'memory':134217728,'tier':'any',"
        "'zone_state':'bound','created':1700000000000000000,'oom_killed':false%s}}",
        id, state, more);
    return text;
}

static void listen_at(struct peer *peer)
{
    struct address address = { .type = ADDRESS_UNIX };
    struct reason reason;

    (void)snprintf(address.path, sizeof(address.path), "%s/socket", peer->directory);
    ck_assert_int_eq(address_listen(&address, 16, 0600, &peer->listen_fd, &reason), 0);
}

void peer_open(struct peer *peer, peer_script script)
{
    *peer = (struct peer){ .script = script, .listen_fd = -EBADF };
    strcpy(peer->directory, "/tmp/czonectl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(peer->directory));
    (void)snprintf(peer->address, sizeof(peer->address), "unix:%s/socket", peer->directory);
    listen_at(peer);
}

static void hang_up(struct peer *peer)
{
    for (size_t i = 0; i < PEER_CONNECTIONS; i++) {
        if (peer->connections[i])
            varlink_connection_close(peer->connections[i]);
        peer->connections[i] = varlink_connection_unref(peer->connections[i]);
    }
}

/* As a daemon that is restarted: the socket's name stays. */
static void go_away(struct peer *peer, int waited_ms)
{
    if (peer->away_ms <= 0)
        return;
    if (peer->listen_fd >= 0) {
        (void)close(peer->listen_fd);
        peer->listen_fd = -EBADF;
        hang_up(peer);
    }
    peer->away_ms -= waited_ms;
    if (peer->away_ms <= 0)
        listen_at(peer);
}

void peer_close(struct peer *peer)
{
    char path[128];

    hang_up(peer);
    for (size_t i = 0; i < peer->n_calls; i++) {
        free(peer->methods[i]);
        json_decref(peer->parameters[i]);
    }
    (void)close(peer->listen_fd);
    (void)snprintf(path, sizeof(path), "%s/socket", peer->directory);
    (void)unlink(path);
    (void)rmdir(peer->directory);
}

size_t peer_count(const struct peer *peer, const char *method)
{
    size_t count = 0;

    for (size_t i = 0; i < peer->n_calls; i++)
        count += !strcmp(peer->methods[i], method);
    return count;
}

json_t *peer_last(const struct peer *peer, const char *method)
{
    json_t *last = NULL;

    for (size_t i = 0; i < peer->n_calls; i++)
        if (!strcmp(peer->methods[i], method))
            last = peer->parameters[i];
    return last;
}

static void accept_one(struct peer *peer)
{
    int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < PEER_CONNECTIONS; i++)
        if (!peer->connections[i]) {
            ck_assert_int_eq(varlink_connection_new(fd, &peer->connections[i]), 0);
            return;
        }
    ck_abort_msg("czonectl opened more than %d connections", PEER_CONNECTIONS);
}

static void serve(struct peer *peer, struct varlink_connection **slot, short revents)
{
    struct varlink_connection *connection = *slot;
    const struct varlink_call *call;
    int r = varlink_connection_process(connection, revents);

    while (r > 0 && varlink_connection_next_call(connection, &call) > 0) {
        ck_assert_uint_lt(peer->n_calls, PEER_CALLS);
        peer->methods[peer->n_calls] = strdup(call->method);
        peer->parameters[peer->n_calls++] = json_deep_copy(call->parameters);
        peer->script(peer, connection, call);
        r = varlink_connection_process(connection, 0);
        if (varlink_connection_call(connection))
            break;
    }
    if (r > 0 && peer->dropped != connection)
        return;
    peer->dropped = NULL;
    varlink_connection_close(connection);
    *slot = varlink_connection_unref(connection);
}

/* Reads what czonectl printed. Returns false at its end. */
static bool drain(int fd, char *buffer, size_t size, size_t *used)
{
    ssize_t n = read(fd, buffer + *used, size - 1 - *used);

    if (n > 0)
        *used += (size_t)n;
    buffer[*used] = '\0';
    ck_assert_uint_lt(*used, size - 1);
    /* A pseudo-terminal answers EIO when the last process has closed it. */
    return n > 0;
}

static void serve_connections(struct peer *peer, const struct pollfd polls[PEER_CONNECTIONS])
{
    for (size_t i = 0; i < PEER_CONNECTIONS; i++)
        if (peer->connections[i] && (polls[i].revents || peer->dropped == peer->connections[i]))
            serve(peer, &peer->connections[i], polls[i].revents);
}

/* Nothing has happened for 50 ms. */
static void wait_on(struct peer *peer, int *waited)
{
    siginfo_t end = { 0 };

    *waited += 50;
    if (*waited >= DEADLINE_MS)
        (void)kill(peer->child, SIGKILL);
    if (peer->on_quiet)
        peer->on_quiet(peer);
    go_away(peer, 50);
    /* Who ended shows so by the end of its output. */
    if (waitid(P_PID, (id_t)peer->child, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == peer->child)
        peer->ignore_output = false;
}

static void serve_child(struct peer *peer, int out, int err)
{
    bool out_open = !peer->close_output, err_open = err >= 0;
    int waited = 0;

    while (out_open || err_open) {
        bool read_output = out_open && !peer->ignore_output;
        struct pollfd polls[3 + PEER_CONNECTIONS] = {
            { .fd = peer->listen_fd, .events = POLLIN },
            { .fd = read_output ? out : -1, .events = POLLIN },
            { .fd = err_open ? err : -1, .events = POLLIN },
        };

        for (size_t i = 0; i < PEER_CONNECTIONS; i++) {
            struct varlink_connection *connection = peer->connections[i];

            polls[3 + i].fd = connection ? varlink_connection_fd(connection) : -1;
            polls[3 + i].events = connection ? varlink_connection_events(connection) : 0;
        }
        if (poll(polls, 3 + PEER_CONNECTIONS, 50) == 0)
            wait_on(peer, &waited);
        if (polls[0].revents)
            accept_one(peer);
        if (polls[1].revents)
            out_open = drain(out, peer->out, sizeof(peer->out), &peer->n_out);
        if (polls[2].revents)
            err_open = drain(err, peer->err, sizeof(peer->err), &peer->n_err);
        serve_connections(peer, &polls[3]);
        go_away(peer, 0);
    }
}

/* A pipe with all of the input and its end. */
static void set_input(const char *input)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], input, strlen(input)) != (ssize_t)strlen(input) ||
        dup2(ends[0], STDIN_FILENO) < 0)
        _exit(98);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void exec_child(const struct peer *peer, char *const words[], int out, int err)
{
    if (peer->terminal)
        (void)dup2(out, STDIN_FILENO);
    else if (peer->input)
        set_input(peer->input);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)setenv("TZ", "UTC", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)unsetenv("NO_COLOR");
    (void)unsetenv("COLUMNS");
    (void)setenv("TERM", peer->terminal ? "xterm" : "dumb", 1);
    execv(CZONECTL, words);
    _exit(99);
}

void peer_run_words(struct peer *peer, char *const words[])
{
    int out[2] = { -1, -1 }, err[2] = { -1, -1 }, status;

    peer->n_out = peer->n_err = 0;
    peer->out[0] = peer->err[0] = '\0';
    if (peer->terminal) {
        struct winsize size = { .ws_row = 24, .ws_col = 80 };

        ck_assert_int_eq(openpty(&out[0], &out[1], NULL, NULL, &size), 0);
    } else {
        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    }
    if (peer->ignore_output && !peer->terminal)
        ck_assert_int_gt(fcntl(out[0], F_SETPIPE_SZ, 4096), 0);
    peer->keyboard = peer->terminal ? out[0] : -EBADF;
    peer->child = fork();
    ck_assert_int_ge(peer->child, 0);
    if (peer->child == 0)
        exec_child(peer, words, out[1], peer->terminal ? out[1] : err[1]);
    (void)close(out[1]);
    if (err[1] >= 0)
        (void)close(err[1]);
    if (peer->close_output)
        (void)close(out[0]);
    serve_child(peer, out[0], err[0]);
    ck_assert_int_eq(waitpid(peer->child, &status, 0), peer->child);
    if (!peer->close_output)
        (void)close(out[0]);
    if (err[0] >= 0)
        (void)close(err[0]);
    peer->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void peer_run(struct peer *peer, ...)
{
    char *words[32] = { (char *)"czonectl", (char *)"--vm", peer->address };
    size_t n = 3;
    va_list arguments;

    va_start(arguments, peer);
    do {
        ck_assert_uint_lt(n, 32);
        words[n] = va_arg(arguments, char *);
    } while (words[n++]);
    va_end(arguments);
    peer_run_words(peer, words);
}
