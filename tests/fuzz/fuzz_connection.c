/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a peer sends in the life of a connection, against a service with a plain method and a stream.
 * The connection must end, whatever comes, and every byte that goes back must be a valid reply.
 */
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/service.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_echo(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    (void)userdata;
    return varlink_connection_reply(connection, json_incref(call->parameters));
}

static int on_count(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    (void)call;
    (void)userdata;
    CHECK(varlink_connection_reply_continue(connection, json_pack("{s:i}", "i", 1)) == 0);
    return varlink_connection_reply(connection, json_object());
}

static void check_replies(int fd, struct varlink_frame *frame)
{
    const char *message;
    size_t length, space;
    char *buffer;
    ssize_t n;

    do {
        CHECK(varlink_frame_reserve(frame, &buffer, &space) == 0);
        n = recv(fd, buffer, space, MSG_DONTWAIT);
        varlink_frame_commit(frame, n > 0 ? (size_t)n : 0);
        while (varlink_frame_next(frame, &message, &length) == 1) {
            struct varlink_reply reply = VARLINK_REPLY_INIT;

            CHECK(varlink_reply_decode(message, length, &reply, NULL) == 0);
            varlink_reply_done(&reply);
        }
    } while (n > 0);
}

static void converse(struct varlink_service *service, const uint8_t *data, size_t size)
{
    struct varlink_frame replies = VARLINK_FRAME_INIT;
    struct varlink_connection *connection;
    int pair[2], r = 1;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK(varlink_connection_new(pair[0], &connection) == 0);
    for (size_t at = 0, chunk = size > 0 ? data[0] + 1 : 1; at < size && r == 1; at += chunk) {
        size_t length = chunk < size - at ? chunk : size - at;

        CHECK(send(pair[1], data + at, length, MSG_NOSIGNAL) == (ssize_t)length);
        r = varlink_service_process(service, connection, POLLIN | POLLOUT);
        check_replies(pair[1], &replies);
    }
    (void)shutdown(pair[1], SHUT_WR);
    for (size_t turn = 0; r == 1; turn++) {
        CHECK(turn <= size);
        CHECK(varlink_connection_events(connection) != 0);
        r = varlink_service_process(service, connection, POLLIN | POLLOUT);
        check_replies(pair[1], &replies);
    }
    CHECK(r == 0 || varlink_connection_reason(connection)[0] != '\0');
    check_replies(pair[1], &replies);
    CHECK(varlink_frame_pending(&replies) == 0);
    varlink_frame_done(&replies);
    varlink_connection_unref(connection);
    (void)close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct varlink_method methods[] = { { "E", 0, on_echo },
                                                     { "C", VARLINK_METHOD_MORE, on_count } };
    static const struct varlink_interface interface = {
        "a.b",
        "interface a.b\nmethod E() -> ()\nmethod C() -> (i: ?int)\nmethod M() -> ()\n",
        methods,
        ELEMENTS(methods),
    };
    static const struct varlink_service_info info = { "v", "p", "1", "u" };
    struct varlink_service *service;

    CHECK(varlink_service_new(&info, NULL, &service) == 0);
    CHECK(varlink_service_add(service, &interface) == 0);
    converse(service, data, size);
    varlink_service_free(service);
    return 0;
}
