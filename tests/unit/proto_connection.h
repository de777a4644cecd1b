/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PROTO_CONNECTION_H
#define TESTS_UNIT_PROTO_CONNECTION_H

/* A server's connection whose peer is the test itself, for the tests of connection.h. */

#include <check.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/connection.h"

static struct varlink_connection *connection;
static const struct varlink_call *call;
static int peer = -EBADF;
static int n_changed, n_gone;

static inline void on_changed(struct varlink_connection *changed, void *userdata)
{
    ck_assert_ptr_eq(changed, connection);
    ck_assert_ptr_eq(userdata, &n_changed);
    n_changed++;
}

static inline void on_gone(struct varlink_connection *gone, void *userdata)
{
    ck_assert_ptr_eq(gone, connection);
    ck_assert_ptr_eq(userdata, &n_gone);
    n_gone++;
}

static inline void setup(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(varlink_connection_new(pair[0], &connection), 0);
    peer = pair[1];
    varlink_connection_set_changed(connection, on_changed, &n_changed);
    n_changed = n_gone = 0;
    call = NULL;
}

static inline void teardown(void)
{
    connection = varlink_connection_unref(connection);
    if (peer >= 0)
        close(peer);
}

static inline void send_bytes(const char *data, size_t length)
{
    ck_assert_int_eq(send(peer, data, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* With its NUL. */
static inline void send_text(const char *text)
{
    send_bytes(text, strlen(text) + 1);
}

static inline int process(void)
{
    return varlink_connection_process(connection, POLLIN | POLLOUT);
}

static inline int next_call(void)
{
    return varlink_connection_next_call(connection, &call);
}

static inline void expect_call(const char *method)
{
    ck_assert_int_eq(next_call(), 1);
    ck_assert_str_eq(call->method, method);
    ck_assert_ptr_eq(call, varlink_connection_call(connection));
}

/* All that arrived at the peer, NULs shown as '|'. */
static inline void expect_received(const char *expected)
{
    char text[4096];
    ssize_t n = recv(peer, text, sizeof(text) - 1, MSG_DONTWAIT);

    n = n < 0 ? 0 : n;
    for (ssize_t i = 0; i < n; i++)
        text[i] = text[i] == '\0' ? '|' : text[i];
    text[n] = '\0';
    ck_assert_str_eq(text, expected);
}

#endif
