/* SPDX-License-Identifier: Apache-2.0 */
/* exec: one more program in a container, as conmon and people call it. */
#include <signal.h>
#include <sys/wait.h>

#include "oci_peer.h"

#define OWN                                                                                                  \
    "\"user\": {\"uid\": 0, \"gid\": 0, \"additionalGids\": [3]}, \"cwd\": \"/\", \"capabilities\": "        \
    "{\"bounding\": [\"CAP_KILL\", \"CAP_CHOWN\"], \"permitted\": [\"CAP_CHOWN\", \"CAP_KILL\"]}, "          \
    "\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 7, \"hard\": 7}]"

static void make_container(void)
{
    oci_config("{\"ociVersion\": \"1.0.2\", \"process\": {\"args\": [\"a\"], \"env\": [\"A=1\"], " OWN "}}");
    oci_create();
    ck_assert_msg(peer.status == 0, "%s", peer.err);
    (void)oci_stand_in();
}

static void exec_process(const char *text)
{
    OCI("exec", "--process", oci_file("process", text), "--pid-file", pid_file, "--detach", "web");
}

START_TEST(it_runs_what_the_process_file_says_and_leaves_a_stand_in)
{
    make_container();
    script.end = ",'exit_status':3";
    exec_process("{\"args\": [\"x\", \"y\"], \"env\": [\"B=2\"], " OWN "}");
    ck_assert_msg(peer.status == 0, "%s", peer.err);
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 3);
    ck_assert_str_eq(json_string_value(json_array_get(sent(EXEC, "args"), 1)), "y");
    ck_assert_str_eq(json_string_value(json_array_get(sent(EXEC, "env"), 0)), "B=2");
    ck_assert_str_eq(json_string_value(sent(EXEC, "cwd")), "/");
    ck_assert_ptr_null(sent(EXEC, "user"));
    ck_assert(json_is_true(sent(EXEC, "stdin")));
    ck_assert_str_eq(json_string_value(sent(WAIT, "exec")), "7");
    ck_assert_str_eq(json_string_value(sent(LOGS, "exec")), "7");
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "bar");
}
END_TEST

START_TEST(another_user_comes_with_groups)
{
    make_container();
    exec_process("{\"args\": [\"x\"], \"user\": {\"uid\": 5, \"gid\": 6, \"additionalGids\": [8]}}");
    ck_assert_int_eq(peer.status, 0);
    (void)oci_stand_in();
    ck_assert_str_eq(json_string_value(sent(EXEC, "user")), "5:6");
    ck_assert_int_eq(json_integer_value(json_array_get(sent(EXEC, "groups"), 0)), 8);
}
END_TEST

static const struct {
    const char *members, *complaint;
} others[] = {
    { "\"capabilities\": {\"bounding\": [\"CAP_KILL\", \"CAP_CHOWN\", \"CAP_SYS_ADMIN\"], \"permitted\": "
      "[\"CAP_KILL\", \"CAP_CHOWN\", \"CAP_SYS_ADMIN\"]}",
      "capabilities" },
    { "\"capabilities\": {\"bounding\": [\"CAP_KILL\"], \"permitted\": [\"CAP_KILL\"]}", "capabilities" },
    { "\"capabilities\": {\"bounding\": [\"CAP_KILL\", \"CAP_CHOWN\"], \"permitted\": [\"CAP_KILL\", "
      "\"CAP_CHOWN\"], \"ambient\": [\"CAP_KILL\"]}",
      "capabilities" },
    { "\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 8, \"hard\": 8}]", "rlimits" },
    { "\"apparmorProfile\": \"mine\"", "apparmorProfile" },
    { "\"noNewPrivileges\": true", "noNewPrivileges" },
    { "\"user\": {\"uid\": 0, \"gid\": 0, \"umask\": 63}", "user.umask" },
    { "\"user\": {\"uid\": 0}", "user.gid" },
};

START_TEST(what_a_session_cannot_have_otherwise_is_named)
{
    char text[512];

    make_container();
    (void)snprintf(text, sizeof(text), "{\"args\": [\"x\"], %s}", others[_i].members);
    exec_process(text);
    ck_assert_int_eq(peer.status, 255);
    oci_complains(others[_i].complaint);
    ck_assert_uint_eq(peer_count(&peer, EXEC), 0);
}
END_TEST

START_TEST(what_asks_for_nothing_is_no_difference)
{
    make_container();
    exec_process(
        "{\"args\": [\"x\"], \"apparmorProfile\": \"\", \"noNewPrivileges\": false, \"oomScoreAdj\": "
        "0, \"capabilities\": {\"bounding\": [\"CAP_CHOWN\", \"CAP_KILL\"], \"permitted\": "
        "[\"CAP_KILL\", \"CAP_CHOWN\"], \"inheritable\": [], \"effective\": [\"CAP_KILL\"]}}");
    ck_assert_msg(peer.status == 0, "%s", peer.err);
    (void)oci_stand_in();
}
END_TEST

START_TEST(a_program_that_does_not_start_is_told_and_has_no_stand_in)
{
    make_container();
    ck_assert_int_eq(unlink(pid_file), 0);
    script.failure = ",'failure':{'id':'io.czone.Container.NoSuchProgram','message':'no such program'}";
    exec_process("{\"args\": [\"x\"]}");
    ck_assert_int_eq(peer.status, 255);
    oci_complains("no such program");
    oci_complains("executable file not found in $PATH");
    ck_assert_int_ne(access(pid_file, F_OK), 0);
}
END_TEST

START_TEST(in_the_foreground_it_ends_as_the_program_does)
{
    make_container();
    script.end = ",'exit_status':9";
    script.input = 5;
    peer.input = "input";
    OCI("exec", "--user", "5:6", "--cwd", "/tmp", "--env", "A=1", "-e", "B=2", "web", "cat", "-n");
    ck_assert_msg(peer.status == 9, "%d %s", peer.status, peer.err);
    ck_assert_str_eq(json_string_value(sent(EXEC, "user")), "5:6");
    ck_assert_str_eq(json_string_value(sent(EXEC, "cwd")), "/tmp");
    ck_assert_str_eq(json_string_value(json_array_get(sent(EXEC, "env"), 1)), "B=2");
    ck_assert_str_eq(json_string_value(json_array_get(sent(EXEC, "args"), 1)), "-n");
    ck_assert_str_eq(written, "input");
    ck_assert_str_eq(peer.out, "foo");
}
END_TEST

START_TEST(a_signal_is_passed_on_to_the_program)
{
    make_container();
    script.until = KILL;
    script.signal_at = WAIT " exited";
    script.end = ",'exit_signal':15";
    OCI("exec", "web", "sleep", "1000");
    ck_assert_int_eq(peer.status, 128 + SIGTERM);
    ck_assert_str_eq(json_string_value(sent(KILL, "signal")), "TERM");
    ck_assert_str_eq(json_string_value(sent(KILL, "exec")), "7");
}
END_TEST

START_TEST(a_signal_that_czoned_was_too_busy_for_is_passed_on_later)
{
    make_container();
    script.until = KILL;
    script.signal_at = WAIT " exited";
    script.error_at = KILL;
    script.error = "io.czone.Monitor.Busy";
    script.times = 1;
    OCI("exec", "web", "sleep", "1000");
    ck_assert_int_eq(peer.status, 42);
    ck_assert_uint_eq(peer_count(&peer, KILL), 2);
}
END_TEST

START_TEST(a_terminal_is_ours_and_its_size_is_told)
{
    make_container();
    peer.terminal = true;
    script.until = RESIZE;
    OCI("exec", "--tty", "web", "sh");
    ck_assert_int_eq(peer.status, 42);
    ck_assert(json_is_true(sent(EXEC, "tty")));
    ck_assert_int_eq(json_integer_value(sent(RESIZE, "columns")), 80);
}
END_TEST

START_TEST(usage_is_told)
{
    make_container();
    OCI("exec", "web");
    oci_complains("usage");
    OCI("exec", "--process", oci_file("process", "{}"), "web", "sh");
    oci_complains("usage");
    OCI("exec", "--tty", "--detach", "web", "sh");
    oci_complains("--console-socket");
    OCI("exec", "--console-socket", "/x", "web", "sh");
    oci_complains("--detach");
    OCI("exec", "--preserve-fds", "1", "web", "sh");
    oci_complains("--preserve-fds");
    OCI("exec", "nobody", "sh");
    oci_complains("does not exist");
    ck_assert_uint_eq(peer_count(&peer, EXEC), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("exec");

    tcase_add_test(tests, it_runs_what_the_process_file_says_and_leaves_a_stand_in);
    tcase_add_test(tests, another_user_comes_with_groups);
    tcase_add_loop_test(tests, what_a_session_cannot_have_otherwise_is_named, 0,
                        (int)(sizeof(others) / sizeof(others[0])));
    tcase_add_test(tests, what_asks_for_nothing_is_no_difference);
    tcase_add_test(tests, a_program_that_does_not_start_is_told_and_has_no_stand_in);
    tcase_add_test(tests, in_the_foreground_it_ends_as_the_program_does);
    tcase_add_test(tests, a_signal_is_passed_on_to_the_program);
    tcase_add_test(tests, a_signal_that_czoned_was_too_busy_for_is_passed_on_later);
    tcase_add_test(tests, a_terminal_is_ours_and_its_size_is_told);
    tcase_add_test(tests, usage_is_told);
    return oci_test_main(tests, "oci/exec");
}
