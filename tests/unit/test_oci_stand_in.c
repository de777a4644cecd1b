/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stands for a container, when czoned is not there, or not well, in between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "oci_peer.h"

START_TEST(it_dies_of_the_signal_its_container_died_of)
{
    int status;

    script.end = ",'exit_signal':15";
    oci_create();
    status = oci_stand_in();
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGTERM);
}
END_TEST

static const char *const points[] = { WAIT " running", WAIT " exited", LOGS };

/* All of the output once, then the container's own status. */
static void expect_end(void)
{
    ck_assert_uint_eq(script.times, 0);
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 42);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "bar");
}

START_TEST(a_broken_connection_is_mended)
{
    script.break_at = points[_i];
    script.times = 2;
    oci_create();
    expect_end();
}
END_TEST

static const char *const troubles[] = { "io.czone.Monitor.Busy", "io.czone.Container.System" };

START_TEST(trouble_is_not_the_end)
{
    script.error_at = points[_i % 3];
    script.error = troubles[_i / 3];
    script.times = 1;
    oci_create();
    expect_end();
}
END_TEST

START_TEST(a_state_that_it_does_not_know_is_not_the_end)
{
    script.odd_at = points[_i];
    script.times = 1;
    oci_create();
    expect_end();
}
END_TEST

START_TEST(a_container_that_is_gone_has_ended)
{
    script.error_at = WAIT " exited";
    script.error = GONE;
    script.times = 1;
    oci_create();
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 127);
}
END_TEST

START_TEST(a_log_that_is_gone_does_not_hide_how_it_ended)
{
    script.error_at = LOGS;
    script.error = GONE;
    script.times = 1;
    peer.input = "abc";
    script.input = 3; /* so that it ends after that answer */
    oci_create();
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 42);
}
END_TEST

START_TEST(input_whose_answer_was_lost_is_sent_again_and_written_once)
{
    script.break_at = WRITE;
    script.times = 2;
    script.input = 11;
    peer.input = "hello world";
    oci_create();
    expect_end();
    ck_assert_str_eq(written, "hello world");
    ck_assert_uint_ge(peer_count(&peer, WRITE), 3);
}
END_TEST

START_TEST(input_comes_after_what_another_wrote)
{
    strncpy(written, "before ", sizeof(written));
    n_written = strlen(written);
    script.input = 18;
    peer.input = "hello world";
    oci_create();
    expect_end();
    ck_assert_str_eq(written, "before hello world");
}
END_TEST

START_TEST(input_that_could_not_be_taken_is_sent_again)
{
    script.error_at = WRITE;
    script.error = "io.czone.Container.System";
    script.times = 2;
    script.input = 11;
    peer.input = "hello world";
    oci_create();
    expect_end();
    ck_assert_str_eq(written, "hello world");
}
END_TEST

START_TEST(a_program_that_reads_no_more_gets_no_more)
{
    script.error_at = WRITE;
    script.error = "io.czone.Container.NoInput";
    script.times = 1;
    peer.input = "hello world";
    oci_create();
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 42);
    ck_assert_uint_le(peer_count(&peer, WRITE), 1);
}
END_TEST

/* Who takes the terminal. Returns an fd. */
static int listen_console(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

/* As containerd does: it reads the pipes of create to their end, and create has more fds than it knows of. */
START_TEST(whoever_waits_for_the_end_of_creates_pipes_does_not_wait_for_the_container)
{
    char path[sizeof(bundle) + 8], cwd[64], link[64] = "";
    int console, ends[2];
    struct pollfd end;

    (void)snprintf(path, sizeof(path), "%s/console", bundle);
    console = listen_console(path);
    oci_config("{\"ociVersion\": \"1.0.2\", \"process\": {\"terminal\": true}}");
    script.until = KILL; /* it goes on */
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
    OCI("create", "--bundle", bundle, "--pid-file", pid_file, "--console-socket", path, "web");
    ck_assert_msg(peer.status == 0, "%s", peer.err);
    (void)close(ends[1]);
    end = (struct pollfd){ .fd = ends[0], .events = POLLIN };
    ck_assert_int_eq(poll(&end, 1, 5000), 1);
    ck_assert_int_ne(end.revents & POLLHUP, 0);
    ck_assert_int_eq(waitpid(oci_pid(), NULL, WNOHANG), 0);
    (void)snprintf(cwd, sizeof(cwd), "/proc/%d/cwd", (int)oci_pid());
    ck_assert_int_gt(readlink(cwd, link, sizeof(link) - 1), 0);
    ck_assert_str_eq(link, "/");
    ck_assert_int_eq(kill(oci_pid(), SIGKILL), 0);
    (void)oci_stand_in();
    (void)close(ends[0]);
    (void)close(console);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stand_in");

    tcase_add_test(tests, it_dies_of_the_signal_its_container_died_of);
    tcase_add_loop_test(tests, a_broken_connection_is_mended, 0, 3);
    tcase_add_loop_test(tests, trouble_is_not_the_end, 0, 6);
    tcase_add_loop_test(tests, a_state_that_it_does_not_know_is_not_the_end, 0, 2);
    tcase_add_test(tests, a_container_that_is_gone_has_ended);
    tcase_add_test(tests, a_log_that_is_gone_does_not_hide_how_it_ended);
    tcase_add_test(tests, input_whose_answer_was_lost_is_sent_again_and_written_once);
    tcase_add_test(tests, input_comes_after_what_another_wrote);
    tcase_add_test(tests, input_that_could_not_be_taken_is_sent_again);
    tcase_add_test(tests, a_program_that_reads_no_more_gets_no_more);
    tcase_add_test(tests, whoever_waits_for_the_end_of_creates_pipes_does_not_wait_for_the_container);
    return oci_test_main(tests, "oci/stand_in");
}
