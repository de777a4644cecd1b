/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/bridge.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The bridge in a process of its own; we are both its client and its guest. */
static int to_bridge, from_bridge, guest;
static pid_t bridge;

/* @sockets  the client's end is one socket, as with LISTEN_FDS; else two pipes, as with standard input and
 * output */
static void start(bool sockets)
{
    int in[2], out[2], remote[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, remote), 0);
    if (sockets) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
        out[0] = in[1];
        out[1] = in[0];
    } else {
        ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    }
    bridge = fork();
    ck_assert_int_ge(bridge, 0);
    if (bridge == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)close(in[1]);
        if (!sockets)
            (void)close(out[0]);
        (void)close(remote[1]);
        (void)fcntl(remote[0], F_SETFL, O_NONBLOCK);
        _exit(bridge_run(in[0], out[1], remote[0], NULL) == 0 ? 0 : 1);
    }
    (void)close(in[0]);
    if (!sockets)
        (void)close(out[1]);
    (void)close(remote[0]);
    to_bridge = in[1];
    from_bridge = out[0];
    guest = remote[1];
}

static void ends_well(void)
{
    int status;

    ck_assert_int_eq(waitpid(bridge, &status, 0), bridge);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void expect(int fd, const char *text)
{
    char buffer[64];
    size_t length = strlen(text), got = 0;

    while (got < length) {
        ssize_t n = read(fd, buffer + got, length - got);

        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_mem_eq(buffer, text, length);
}

static void expect_end(int fd)
{
    char byte;

    ck_assert_int_eq(read(fd, &byte, 1), 0);
}

static void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(bytes_go_both_ways_over_pipes)
{
    start(false);
    put(to_bridge, "call");
    expect(guest, "call");
    put(guest, "reply");
    expect(from_bridge, "reply");
    (void)close(to_bridge);
    expect_end(guest);
    (void)close(guest);
    expect_end(from_bridge);
    ends_well();
}
END_TEST

START_TEST(bytes_go_both_ways_over_one_socket)
{
    start(true);
    put(to_bridge, "call");
    expect(guest, "call");
    put(guest, "reply");
    expect(from_bridge, "reply");
    (void)close(to_bridge);
    expect_end(guest);
    (void)close(guest);
    ends_well();
}
END_TEST

START_TEST(a_client_that_only_finished_sending_gets_its_replies)
{
    start(false);
    put(to_bridge, "call");
    (void)close(to_bridge);
    expect(guest, "call");
    expect_end(guest);
    put(guest, "late reply");
    expect(from_bridge, "late reply");
    (void)close(guest);
    expect_end(from_bridge);
    ends_well();
}
END_TEST

START_TEST(a_half_closed_socket_gets_its_replies_too)
{
    start(true);
    put(to_bridge, "call");
    ck_assert_int_eq(shutdown(to_bridge, SHUT_WR), 0);
    expect(guest, "call");
    expect_end(guest);
    put(guest, "late reply");
    expect(from_bridge, "late reply");
    (void)close(guest);
    expect_end(from_bridge);
    ends_well();
}
END_TEST

START_TEST(a_guest_that_only_finished_sending_still_hears)
{
    start(false);
    ck_assert_int_eq(shutdown(guest, SHUT_WR), 0);
    expect_end(from_bridge);
    put(to_bridge, "more");
    expect(guest, "more");
    (void)close(to_bridge);
    expect_end(guest);
    ends_well();
}
END_TEST

START_TEST(a_guest_that_is_gone_ends_the_bridge_though_the_client_stays)
{
    start(false);
    (void)close(guest);
    expect_end(from_bridge);
    ends_well();
}
END_TEST

START_TEST(a_client_that_is_gone_ends_the_bridge_though_the_guest_goes_on_sending)
{
    start(false);
    put(guest, "event");
    expect(from_bridge, "event");
    (void)close(from_bridge);
    (void)close(to_bridge);
    expect_end(guest);
    (void)close(guest);
    ends_well();
}
END_TEST

START_TEST(the_last_words_of_a_client_that_is_gone_arrive)
{
    start(true);
    put(to_bridge, "oneway");
    (void)close(to_bridge);
    expect(guest, "oneway");
    expect_end(guest);
    (void)close(guest);
    ends_well();
}
END_TEST

/* The program itself: which descriptors it takes, and which address. */

static int listener;
static char directory[] = "/tmp/czonectl-test-XXXXXX", path[64];

static void listen_as_guest(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
}

/* @activated  hand it descriptor 3 as systemd's clients do; standard input and output are then /dev/null */
static void start_program(bool activated, const char *name, const char *first, const char *second)
{
    int client[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
    bridge = fork();
    ck_assert_int_ge(bridge, 0);
    if (bridge == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), end = fcntl(client[0], F_DUPFD, 10);
        char pid[16];

        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        (void)dup2(activated ? nothing : end, STDIN_FILENO);
        (void)dup2(activated ? nothing : end, STDOUT_FILENO);
        if (activated) {
            (void)dup2(end, 3);
            (void)setenv("LISTEN_FDS", "1", 1);
            (void)setenv("LISTEN_PID", pid, 1);
        }
        /* Nobody else may hold the client open, or its end would never be seen. */
        for (int fd = activated ? 4 : 3; fd < 64; fd++)
            (void)close(fd);
        execl(CZONECTL, name, first, second, NULL);
        _exit(99);
    }
    (void)close(client[0]);
    to_bridge = from_bridge = client[1];
    guest = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(guest, 0);
}

static void carries_a_call(void)
{
    put(to_bridge, "call");
    expect(guest, "call");
    put(guest, "reply");
    expect(from_bridge, "reply");
    ck_assert_int_eq(shutdown(to_bridge, SHUT_WR), 0);
    expect_end(guest);
    (void)close(guest);
    expect_end(from_bridge);
    ends_well();
    (void)unlink(path);
    (void)rmdir(directory);
}

START_TEST(the_verb_takes_standard_input_and_output)
{
    char address[96];

    listen_as_guest();
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    start_program(false, "czonectl", "bridge", address);
    carries_a_call();
}
END_TEST

START_TEST(the_verb_takes_the_descriptor_systemd_hands_over)
{
    char address[96];

    listen_as_guest();
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    (void)setenv("CZONE_ADDRESS", address, 1);
    start_program(true, "czonectl", "bridge", NULL);
    carries_a_call();
}
END_TEST

START_TEST(under_the_name_of_a_systemd_bridge_it_is_one)
{
    char url[96];

    listen_as_guest();
    (void)snprintf(url, sizeof(url), "czone:unix:%s", path);
    start_program(true, "/usr/lib/systemd/varlink-bridges/czone", url, NULL);
    carries_a_call();
}
END_TEST

#define MUCH (8u << 20)

/* Sends and receives at once, as a client and a guest would; returns when both have had all. */
static void flood(int fd_out, int fd_in)
{
    size_t sent = 0, received = 0;
    static char buffer[65536];

    (void)fcntl(fd_out, F_SETFL, O_NONBLOCK);
    (void)fcntl(fd_in, F_SETFL, O_NONBLOCK);
    while (sent < MUCH || received < MUCH) {
        struct pollfd polls[] = { { .fd = sent < MUCH ? fd_out : -1, .events = POLLOUT },
                                  { .fd = fd_in, .events = POLLIN } };
        ssize_t n;

        ck_assert_int_gt(poll(polls, 2, 10000), 0);
        if (polls[0].revents) {
            for (size_t i = 0; i < sizeof(buffer); i++)
                buffer[i] = (char)((sent + i) * 31 >> 3);
            n = write(fd_out, buffer, sizeof(buffer) < MUCH - sent ? sizeof(buffer) : MUCH - sent);
            ck_assert(n > 0 || errno == EAGAIN);
            sent += n > 0 ? (size_t)n : 0;
        }
        if (polls[1].revents) {
            n = read(fd_in, buffer, sizeof(buffer));
            ck_assert_int_gt(n, 0);
            for (ssize_t i = 0; i < n; i++)
                if (buffer[i] != (char)((received + (size_t)i) * 31 >> 3))
                    ck_abort_msg("byte %zu is wrong", received + (size_t)i);
            received += (size_t)n;
        }
    }
}

START_TEST(much_goes_through_unchanged_in_either_direction)
{
    start(false);
    flood(to_bridge, guest);
    flood(guest, from_bridge);
    (void)close(to_bridge);
    (void)close(guest);
    ends_well();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/bridge");
    TCase *tcase = tcase_create("bridge");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, bytes_go_both_ways_over_pipes);
    tcase_add_test(tcase, bytes_go_both_ways_over_one_socket);
    tcase_add_test(tcase, a_client_that_only_finished_sending_gets_its_replies);
    tcase_add_test(tcase, a_half_closed_socket_gets_its_replies_too);
    tcase_add_test(tcase, a_guest_that_only_finished_sending_still_hears);
    tcase_add_test(tcase, a_guest_that_is_gone_ends_the_bridge_though_the_client_stays);
    tcase_add_test(tcase, a_client_that_is_gone_ends_the_bridge_though_the_guest_goes_on_sending);
    tcase_add_test(tcase, the_last_words_of_a_client_that_is_gone_arrive);
    tcase_add_test(tcase, the_verb_takes_standard_input_and_output);
    tcase_add_test(tcase, the_verb_takes_the_descriptor_systemd_hands_over);
    tcase_add_test(tcase, under_the_name_of_a_systemd_bridge_it_is_one);
    tcase_add_test(tcase, much_goes_through_unchanged_in_either_direction);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
