/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proto/address.h"
#include "proto/cleanup.h"
#include "proto/deadline.h"
#include "proto/dial.h"
#include "proto/peer.h"

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

static struct reason reason;
static char folder[32];
static char path[64];

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/czone-address-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
}

static void teardown(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static struct address unix_address(void)
{
    struct address address = { .type = ADDRESS_UNIX };

    (void)snprintf(address.path, sizeof(address.path), "%s", path);
    return address;
}

static struct address hybrid_address(void)
{
    struct address address = unix_address();

    address.type = ADDRESS_HVSOCK;
    address.port = 2966;
    return address;
}

static const struct {
    const char *text;
    const char *printed;
} good[] = {
    { "vsock:3:2966", "vsock:3:2966" },
    { "vsock:3", "vsock:3:2966" },
    { "vsock:0:1", "vsock:0:1" },
    { "vsock:4294967294:4294967294", "vsock:4294967294:4294967294" },
    { "vsock:any:1024", "vsock:any:1024" },
    { "vsock:any", "vsock:any:2966" },
    { "vsock::1024", "vsock:any:1024" },
    { "hvsock:/run/vm.sock:52", "hvsock:/run/vm.sock:52" },
    { "hvsock:/run/vm.sock", "hvsock:/run/vm.sock:2966" },
    { "hvsock:vm:a", "hvsock:vm:a:2966" },
    { "unix:/run/czone/czone.sock", "unix:/run/czone/czone.sock" },
    { "unix:relative:1", "unix:relative:1" },
    { "unix:@czone", "unix:@czone" },
};

START_TEST(an_address_prints_as_what_it_was_read_from)
{
    struct address address, again;
    char text[ADDRESS_TEXT_MAX];

    ck_assert_int_eq(address_parse(good[_i].text, &address, &reason), 0);
    ck_assert_str_eq(address_format(&address, text), good[_i].printed);
    ck_assert_int_eq(address_parse(text, &again, &reason), 0);
    ck_assert_int_eq(again.type, address.type);
    ck_assert_uint_eq(again.cid, address.cid);
    ck_assert_uint_eq(again.port, address.port);
    ck_assert_str_eq(again.path, address.path);
}
END_TEST

static const struct {
    const char *text;
    const char *reason;
} bad[] = {
    { "", "expected vsock:CID" },
    { "3:2966", "expected vsock:CID" },
    { "tcp:localhost:1", "expected vsock:CID" },
    { "VSOCK:3:1", "expected vsock:CID" },
    { "vsock:", "lacks a CID" },
    { "vsock:-1:2", "'-1' is not a CID" },
    { "vsock:03:2", "'03' is not a CID" },
    { "vsock: 3:2", "is not a CID" },
    { "vsock:0x3:2", "is not a CID" },
    { "vsock:4294967295:2", "is not a CID" },
    { "vsock:42949672960:2", "is not a CID" },
    { "vsock:99999999999999999999:2", "is not a CID" },
    { "vsock:ANY:2", "is not a CID" },
    { "vsock:3:", "'' is not a port" },
    { "vsock:3:0", "'0' is not a port" },
    { "vsock:3:4294967295", "is not a port" },
    { "vsock:3:1:2", "'1:2' is not a port" },
    { "vsock:3:1 ", "is not a port" },
    { "vsock:3:\x1b[2J", "'?[2J' is not a port" },
    { "hvsock:", "path is empty" },
    { "hvsock::52", "path is empty" },
    { "hvsock:/run/vm:0", "'0' is not a port" },
    { "hvsock:/run/vm:99999999999", "is not a port" },
    { "unix:", "path is empty" },
    { "unix:@", "path is empty" },
};

START_TEST(what_is_no_address_is_refused_with_what_is_expected)
{
    struct address address = { .port = 7 };

    ck_assert_int_eq(address_parse(bad[_i].text, &address, &reason), -EINVAL);
    ck_assert_msg(strstr(reason.text, bad[_i].reason), "%s", reason.text);
    ck_assert_uint_eq(address.port, 7);
}
END_TEST

START_TEST(a_path_fits_into_a_socket_address_or_is_refused)
{
    struct address address;
    char text[256];

    (void)snprintf(text, sizeof(text), "unix:/%0106d", 0);
    ck_assert_int_eq(address_parse(text, &address, &reason), 0);
    (void)snprintf(text, sizeof(text), "unix:/%0107d", 0);
    ck_assert_int_eq(address_parse(text, &address, &reason), -ENAMETOOLONG);
    (void)snprintf(text, sizeof(text), "hvsock:/%0107d:1", 0);
    ck_assert_int_eq(address_parse(text, &address, &reason), -ENAMETOOLONG);
    ck_assert_ptr_nonnull(strstr(reason.text, "at most 107"));
}
END_TEST

START_TEST(a_listener_is_reached_and_knows_its_peer)
{
    struct address address = unix_address();
    CLEANUP_FD int listener = -EBADF, client = -EBADF, server = -EBADF;
    struct stat status;
    struct peer peer;

    ck_assert_int_eq(address_listen(&address, 8, 0620, &listener, &reason), 0);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0620);
    ck_assert_int_eq(address_connect(&address, 1000, 0, &client, &reason), 0);
    server = accept(listener, NULL, NULL);
    ck_assert_int_ge(server, 0);
    ck_assert_int_eq(peer_of_socket(server, &peer), 0);
    ck_assert(!peer.vsock);
    ck_assert_int_eq(peer.pid, getpid());
    ck_assert_uint_eq(peer.uid, getuid());
    ck_assert(fcntl(client, F_GETFD) & FD_CLOEXEC);
    ck_assert(fcntl(client, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(listener, F_GETFD) & FD_CLOEXEC);
}
END_TEST

START_TEST(a_living_listener_keeps_its_socket)
{
    struct address address = unix_address();
    CLEANUP_FD int first = -EBADF, second = -EBADF, client = -EBADF;

    ck_assert_int_eq(address_listen(&address, 0, 0600, &first, &reason), 0);
    ck_assert_int_eq(address_listen(&address, 0, 0600, &second, &reason), -EADDRINUSE);
    ck_assert_int_eq(second, -EBADF);
    /* its backlog (0: one) is full now, of probes too: it lives nevertheless */
    ck_assert_int_eq(address_listen(&address, 0, 0600, &second, &reason), -EADDRINUSE);
    ck_assert_int_eq(address_listen(&address, 0, 0600, &second, &reason), -EADDRINUSE);
    ck_assert_int_ge(accept(first, NULL, NULL), 0);
    ck_assert_int_eq(address_connect(&address, 1000, 0, &client, &reason), 0);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
    struct address address = unix_address();
    CLEANUP_FD int listener = -EBADF, client = -EBADF;

    ck_assert_int_eq(address_listen(&address, 1, 0600, &listener, &reason), 0);
    close(take_fd(&listener));
    ck_assert_int_eq(address_connect(&address, 1000, 0, &client, &reason), -ECONNREFUSED);
    ck_assert_int_eq(address_listen(&address, 1, 0600, &listener, &reason), 0);
    ck_assert_int_eq(address_connect(&address, 1000, 0, &client, &reason), 0);
}
END_TEST

START_TEST(a_file_in_the_way_is_not_removed)
{
    struct address address = unix_address();
    CLEANUP_FD int listener = -EBADF, file = open(path, O_CREAT | O_WRONLY, 0600);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(address_listen(&address, 1, 0600, &listener, &reason), -ENOTSOCK);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(an_abstract_name_works_and_is_exclusive)
{
    struct address address = { .type = ADDRESS_UNIX, .abstract = true };
    CLEANUP_FD int listener = -EBADF, second = -EBADF, client = -EBADF;

    (void)snprintf(address.path, sizeof(address.path), "czone-test-%d", (int)getpid());
    ck_assert_int_eq(address_listen(&address, 1, 0600, &listener, &reason), 0);
    ck_assert_int_eq(address_listen(&address, 1, 0600, &second, &reason), -EADDRINUSE);
    ck_assert_int_eq(address_connect(&address, 1000, 0, &client, &reason), 0);
}
END_TEST

START_TEST(nobody_there_is_said_at_once_or_after_the_wait)
{
    struct address address = unix_address();
    CLEANUP_FD int client = -EBADF;
    int64_t before = deadline_now();

    ck_assert_int_eq(address_connect(&address, 10000, 0, &client, &reason), -ENOENT);
    ck_assert_int_lt(deadline_now() - before, 1000);
    ck_assert_int_eq(address_connect(&address, 100, ADDRESS_WAIT, &client, &reason), -ETIMEDOUT);
    ck_assert_int_ge(deadline_now() - before, 100);
    ck_assert_ptr_nonnull(strstr(reason.text, "within 100 ms; the last attempt"));
    ck_assert_ptr_nonnull(strstr(reason.text, path));
}
END_TEST

START_TEST(any_cid_cannot_be_connected_to_and_hybrid_cannot_listen)
{
    struct address address = { .type = ADDRESS_VSOCK, .cid = ADDRESS_ANY_CID, .port = 1 };
    struct address hybrid = hybrid_address();
    int fd = -EBADF;

    ck_assert_int_eq(address_connect(&address, 10, ADDRESS_WAIT, &fd, &reason), -EINVAL);
    ck_assert_int_eq(address_listen(&hybrid, 1, 0600, &fd, &reason), -EINVAL);
}
END_TEST

static void *listen_late(void *argument)
{
    struct address address = unix_address();
    int *fd = argument;

    (void)poll(NULL, 0, 80);
    (void)address_listen(&address, 1, 0600, fd, NULL);
    return NULL;
}

START_TEST(who_waits_meets_a_daemon_that_starts_later)
{
    struct address address = unix_address();
    CLEANUP_FD int client = -EBADF, listener = -EBADF;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, listen_late, &listener), 0);
    ck_assert_int_eq(address_connect(&address, 5000, ADDRESS_WAIT, &client, &reason), 0);
    pthread_join(thread, NULL);
}
END_TEST

/* A VMM's end: the dialer is stepped by hand, the answer written between the steps. */
static void start_handshake(struct dial *dial, int *ret_vmm)
{
    struct address listen_at = unix_address(), address = hybrid_address();
    CLEANUP_FD int listener = -EBADF;
    char line[64] = "";

    ck_assert_int_eq(address_listen(&listen_at, 1, 0600, &listener, &reason), 0);
    ck_assert_int_eq(dial_start(dial, &address, &reason), 0);
    ck_assert_int_eq(dial_process(dial, &reason), 0);
    ck_assert_int_eq(dial_events(dial), POLLIN);
    *ret_vmm = accept(listener, NULL, NULL);
    ck_assert_int_ge(*ret_vmm, 0);
    /* one write: a single read has the whole line, and nothing behind it */
    ck_assert_int_eq(recv(*ret_vmm, line, sizeof(line), MSG_DONTWAIT), 13);
    ck_assert_str_eq(line, "CONNECT 2966\n");
}

START_TEST(the_handshake_takes_the_answer_and_not_a_byte_more)
{
    CLEANUP_FD int vmm = -EBADF, fd = -EBADF;
    struct dial dial;
    char rest[16] = "";

    start_handshake(&dial, &vmm);
    ck_assert_int_eq(send(vmm, "OK 10", 5, 0), 5);
    ck_assert_int_eq(dial_process(&dial, &reason), 0);
    ck_assert_int_eq(send(vmm, "73741824\npayload", 16, 0), 16);
    ck_assert_int_eq(dial_process(&dial, &reason), 1);
    fd = dial_take(&dial);
    ck_assert_int_eq(recv(fd, rest, sizeof(rest), 0), 7);
    ck_assert_str_eq(rest, "payload");
}
END_TEST

static const struct {
    const char *text;
    size_t length;
} bad_answers[] = {
    { "ERR 1\n", 6 },  { "OK\n", 3 },    { "OK \n", 4 },
    { "OK x\n", 5 },   { "OK 1 \n", 6 }, { "OK 1\r\n", 6 },
    { "OK 1\0\n", 6 }, { "\n", 1 },      { "OK 11111111111111111111111111111111111111111", 44 },
};

START_TEST(an_answer_that_is_not_ok_is_an_error)
{
    CLEANUP_FD int vmm = -EBADF;
    CLEANUP(dial_close) struct dial dial = DIAL_INIT;

    start_handshake(&dial, &vmm);
    ck_assert_int_eq(send(vmm, bad_answers[_i].text, bad_answers[_i].length, 0),
                     (ssize_t)bad_answers[_i].length);
    ck_assert_int_eq(dial_process(&dial, &reason), -EPROTO);
    ck_assert(!dial_may_retry(-EPROTO));
}
END_TEST

START_TEST(a_vmm_that_hangs_up_may_be_asked_again)
{
    CLEANUP_FD int vmm = -EBADF;
    CLEANUP(dial_close) struct dial dial = DIAL_INIT;
    int r;

    start_handshake(&dial, &vmm);
    close(take_fd(&vmm));
    r = dial_process(&dial, &reason);
    ck_assert_int_lt(r, 0);
    ck_assert(dial_may_retry(r));
}
END_TEST

static void *refuse_twice(void *argument)
{
    int listener = *(int *)argument, fd;
    char line[64];

    for (int i = 0; i < 3; i++) {
        struct pollfd pollfd = { .fd = listener, .events = POLLIN };

        (void)poll(&pollfd, 1, 5000);
        fd = accept(listener, NULL, NULL);
        (void)!read(fd, line, sizeof(line));
        if (i == 2)
            (void)!write(fd, "OK 1\n", 5);
        close(fd);
    }
    return NULL;
}

START_TEST(a_guest_that_boots_is_asked_until_it_answers)
{
    struct address listen_at = unix_address(), address = hybrid_address();
    CLEANUP_FD int listener = -EBADF, client = -EBADF;
    pthread_t thread;

    ck_assert_int_eq(address_listen(&listen_at, 8, 0600, &listener, &reason), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, refuse_twice, &listener), 0);
    ck_assert_int_eq(address_connect(&address, 5000, ADDRESS_WAIT, &client, &reason), 0);
    pthread_join(thread, NULL);
}
END_TEST

static void add_listening_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_listener_is_reached_and_knows_its_peer);
    tcase_add_test(tcase, a_living_listener_keeps_its_socket);
    tcase_add_test(tcase, a_stale_socket_is_replaced);
    tcase_add_test(tcase, a_file_in_the_way_is_not_removed);
    tcase_add_test(tcase, an_abstract_name_works_and_is_exclusive);
    tcase_add_test(tcase, nobody_there_is_said_at_once_or_after_the_wait);
    tcase_add_test(tcase, any_cid_cannot_be_connected_to_and_hybrid_cannot_listen);
    tcase_add_test(tcase, who_waits_meets_a_daemon_that_starts_later);
    tcase_add_test(tcase, the_handshake_takes_the_answer_and_not_a_byte_more);
    tcase_add_loop_test(tcase, an_answer_that_is_not_ok_is_an_error, 0, ELEMENTS(bad_answers));
    tcase_add_test(tcase, a_vmm_that_hangs_up_may_be_asked_again);
    tcase_add_test(tcase, a_guest_that_boots_is_asked_until_it_answers);
}

int main(void)
{
    Suite *suite = suite_create("proto/address");
    TCase *text = tcase_create("text"), *sockets = tcase_create("sockets");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, text);
    suite_add_tcase(suite, sockets);
    tcase_add_loop_test(text, an_address_prints_as_what_it_was_read_from, 0, ELEMENTS(good));
    tcase_add_loop_test(text, what_is_no_address_is_refused_with_what_is_expected, 0, ELEMENTS(bad));
    tcase_add_test(text, a_path_fits_into_a_socket_address_or_is_refused);
    add_listening_tests(sockets);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
