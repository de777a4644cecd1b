/* SPDX-License-Identifier: Apache-2.0 */
/* One more program in a container that runs. */
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept, session;

static void set_up(void)
{
    keepers_set_up(&keepers);
    kept_spawn(&kept, &keepers, "/keep", "host-others");
    kept_start(&kept);
    kept_wait_log(&kept, "ready\n");
}

static void tear_down(void)
{
    kept_kill(&session);
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

static void begin(const char *program, const char *act)
{
    kept_spawn(&session, &keepers, program, act);
    session.request.target = kept.pidfd;
}

static void expect_success(void)
{
    kept_wait_gone(&session);
    (void)kept_read_log(&session);
    ck_assert_msg(session.status.wait_code == CLD_EXITED && session.status.wait_status == 0,
                  "code %d, status %d: %s", session.status.wait_code, session.status.wait_status,
                  session.log);
}

START_TEST(a_session_is_in_the_containers_namespaces)
{
    begin("/keep", "joined");
    kept_start(&session);
    expect_success();
}
END_TEST

/* Checks of the probe that must be true of a session as they are of a first process. */
static const char *const checks[] = {
    "pipes",
    "fork-exec",
    "threads",
    "mempolicy-denied",
    "vsock-denied",
    "namespaces-denied",
    "only-stdio-open",
    "root-is-limited",
    "signals-are-default",
    "scheduling-is-default",
    "kernel-files-guarded",
    "escape-by-chroot",
};

START_TEST(a_session_can_do_no_more_than_the_container)
{
    begin("/probe", checks[_i]);
    kept_start(&session);
    expect_success();
}
END_TEST

START_TEST(a_session_has_the_policy_of_the_zone)
{
    begin("/probe", "policy-is-relative");
    session.start.flags |= KEEPER_START_POLICY;
    session.start.policy = (struct czone_policy){ .mode = MPOL_BIND | MPOL_F_RELATIVE_NODES, .nodes = { 1 } };
    kept_start(&session);
    expect_success();
}
END_TEST

START_TEST(a_session_has_user_cwd_and_environment_of_its_own)
{
    const char *const env[] = { "GIVEN=yes", NULL };

    fixture_dir(&keepers.fixture, "/etc");
    fixture_file(&keepers.fixture, "/etc/passwd", 0644, "joe:x:1000:1000::/home/joe:/probe\n");
    fixture_file(&keepers.fixture, "/etc/group", 0644, "wheel:x:10:joe\n");
    begin("/probe", "user-has-nothing");
    session.request.user = "joe";
    session.request.cwd = "/etc";
    session.request.env = env;
    kept_start(&session);
    expect_success();
}
END_TEST

START_TEST(a_session_has_the_containers_network)
{
    struct kept other;

    kept_spawn(&other, &keepers, "/probe", "stay");
    other.request.network.kind = LAUNCH_NETWORK_NONE;
    kept_start(&other);
    kept_spawn(&session, &keepers, "/probe", "loopback-only");
    session.request.target = other.pidfd;
    kept_start(&session);
    expect_success();
    kept_kill(&other);
}
END_TEST

static const struct launch_id_range range = { .inside = 0, .outside = 200000, .count = 65536 };

/* A session of a container that has users of its own. */
static void begin_in_userns(struct kept *other, const char *act)
{
    const struct launch_users users = { .uids = { &range, 1 }, .gids = { &range, 1 } };

    kept_spawn(other, &keepers, "/probe", "stay");
    other->request.users = users;
    other->request.network.kind = LAUNCH_NETWORK_NONE;
    kept_start(other);
    kept_spawn(&session, &keepers, "/probe", act);
    session.request.users = users;
    session.request.target = other->pidfd;
}

START_TEST(a_session_has_the_containers_users)
{
    static const char *const acts[] = { "has-users-of-its-own", "root-is-limited", "user-has-nothing",
                                        "kernel-files-guarded" };
    struct kept other;

    fixture_dir(&keepers.fixture, "/etc");
    fixture_file(&keepers.fixture, "/etc/passwd", 0644, "joe:x:1000:1000::/home/joe:/probe\n");
    fixture_file(&keepers.fixture, "/etc/group", 0644, "wheel:x:10:joe\n");
    begin_in_userns(&other, acts[_i]);
    session.request.user = strcmp(acts[_i], "user-has-nothing") == 0 ? "joe" : NULL;
    kept_start(&session);
    expect_success();
    kept_kill(&other);
}
END_TEST

START_TEST(a_session_has_a_terminal_of_the_container)
{
    struct keeper_resize resize = { .header = { .kind = KEEPER_RESIZE }, .columns = 132, .rows = 50 };

    begin("/keep", "terminal");
    session.request.tty = true;
    session.request.columns = 80;
    session.request.rows = 24;
    kept_start(&session);
    kept_wait_log(&session, "80x24\r\n");
    ck_assert_int_eq(keeper_send(session.process.socket, &resize, sizeof(resize), NULL, 0), 0);
    expect_success();
    ck_assert_str_eq(session.log, "80x24\r\n132x50\r\n");
}
END_TEST

START_TEST(a_session_takes_input)
{
    begin("/keep", "copy");
    session.request.input = true;
    kept_start(&session);
    ck_assert_int_eq(kept_input(&session, "hello\n", 6), 0);
    ck_assert_int_eq(kept_input(&session, "", 0), 0);
    expect_success();
    ck_assert_str_eq(session.log, "hello\n");
}
END_TEST

START_TEST(a_session_ends_with_its_container)
{
    begin("/probe", "stay");
    kept_start(&session);
    kept_wait_log(&session, "ready\n");
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, SIGKILL, NULL, 0), 0);
    kept_wait_gone(&session);
    ck_assert_int_eq(session.status.wait_code, CLD_KILLED);
    ck_assert_int_eq(session.status.wait_status, SIGKILL);
}
END_TEST

START_TEST(the_container_goes_on_when_a_session_is_killed)
{
    begin("/probe", "stay");
    kept_start(&session);
    ck_assert_int_eq(kill(session.process.pid, SIGKILL), 0);
    kept_wait_readable(session.pidfd);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)kept.pidfd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT), -1);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, 0, NULL, 0), 0);
}
END_TEST

START_TEST(a_container_that_has_ended_is_gone)
{
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, SIGKILL, NULL, 0), 0);
    kept_wait_gone(&kept);
    begin("/probe", "true");
    kept_send_start(&session);
    kept_wait_gone(&session);
    ck_assert_uint_eq(session.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(session.failure.trouble, LAUNCH_GONE);
    ck_assert_int_eq(session.failure.error, -ESRCH);
}
END_TEST

/* Ended, and nobody has reaped it: there is still a process of that number. */
START_TEST(a_container_that_is_a_zombie_is_gone)
{
    ck_assert_int_eq(kill(kept.process.pid, SIGSTOP), 0);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, SIGKILL, NULL, 0), 0);
    kept_wait_readable(kept.pidfd);
    begin("/probe", "true");
    kept_send_start(&session);
    kept_wait_gone(&session);
    ck_assert_int_eq(session.failure.trouble, LAUNCH_GONE);
    ck_assert_int_eq(kill(kept.process.pid, SIGCONT), 0);
}
END_TEST

static const struct {
    const char *program, *cwd, *user, *parameter;
    enum launch_trouble trouble;
} refusals[] = {
    { "/missing", NULL, NULL, "args", LAUNCH_NO_PROGRAM },
    { "/probe", "/missing", NULL, "cwd", LAUNCH_BAD_PARAMETER },
    { "/probe", "/proc/self/fd", NULL, "cwd", LAUNCH_BAD_PARAMETER },
    { "/probe", NULL, "nobody-there", "user", LAUNCH_NO_USER },
    { "/link-to-the-keeper", NULL, NULL, "args", LAUNCH_NO_PROGRAM },
};

START_TEST(a_session_that_cannot_run_is_refused_with_the_reason)
{
    fixture_link(&keepers.fixture, "/link-to-the-keeper", "/proc/self/exe");
    begin(refusals[_i].program, "true");
    session.request.cwd = refusals[_i].cwd;
    session.request.user = refusals[_i].user;
    kept_send_start(&session);
    kept_wait_gone(&session);
    ck_assert_uint_eq(session.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(session.failure.trouble, refusals[_i].trouble);
    ck_assert_str_eq(session.parameter, refusals[_i].parameter);
}
END_TEST

/* CVE-2019-5736: while sessions come and go, a process of the container watches for one whose program is not
 * yet its own. */
START_TEST(a_session_shows_its_keeper_to_no_process_of_the_container)
{
    struct kept spy;

    kept_spawn(&spy, &keepers, "/keep", "look-into-others");
    spy.request.target = kept.pidfd;
    kept_start(&spy);
    kept_wait_log(&spy, "ready\n");
    for (int i = 0; i < 30; i++) {
        begin("/probe", "true");
        kept_start(&session);
        expect_success();
        kept_kill(&session);
    }
    session.process.pid = 0;
    fixture_file(&keepers.fixture, "/stop", 0644, "");
    kept_wait_gone(&spy);
    (void)kept_read_log(&spy);
    ck_assert_str_eq(spy.log, "ready\n0\n");
    kept_kill(&spy);
}
END_TEST

static const char *const fakes[] = { "null-is-a-fifo", "null-is-a-link", "null-is-a-file",
                                     "null-is-missing" };

/* The container's root can put anything into its /dev. */
START_TEST(a_session_is_not_fooled_by_what_the_container_made_of_its_null)
{
    begin("/keep", fakes[_i]);
    kept_start(&session);
    expect_success();
    kept_kill(&session);
    begin("/probe", "true");
    kept_send_start(&session);
    kept_wait_gone(&session);
    ck_assert_uint_eq(session.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(session.failure.stage, LAUNCH_STAGE_STDIO);
    ck_assert_ptr_nonnull(strstr(session.failure.message, "/dev/null"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_exec");
    TCase *tests = tcase_create("exec");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_session_is_in_the_containers_namespaces);
    tcase_add_loop_test(tests, a_session_can_do_no_more_than_the_container, 0,
                        sizeof(checks) / sizeof(checks[0]));
    tcase_add_test(tests, a_session_has_the_policy_of_the_zone);
    tcase_add_test(tests, a_session_has_user_cwd_and_environment_of_its_own);
    tcase_add_test(tests, a_session_has_the_containers_network);
    tcase_add_loop_test(tests, a_session_has_the_containers_users, 0, 4);
    tcase_add_test(tests, a_session_has_a_terminal_of_the_container);
    tcase_add_test(tests, a_session_takes_input);
    tcase_add_test(tests, a_session_ends_with_its_container);
    tcase_add_test(tests, the_container_goes_on_when_a_session_is_killed);
    tcase_add_test(tests, a_container_that_has_ended_is_gone);
    tcase_add_test(tests, a_container_that_is_a_zombie_is_gone);
    tcase_add_loop_test(tests, a_session_that_cannot_run_is_refused_with_the_reason, 0,
                        sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(tests, a_session_shows_its_keeper_to_no_process_of_the_container);
    tcase_add_loop_test(tests, a_session_is_not_fooled_by_what_the_container_made_of_its_null, 0,
                        sizeof(fakes) / sizeof(fakes[0]));
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
