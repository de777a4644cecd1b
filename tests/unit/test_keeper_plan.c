/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper that is told ahead what it will start. */
#include <dirent.h>
#include <sys/syscall.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;

static void set_up(void)
{
    keepers_set_up(&keepers);
}

static void tear_down(void)
{
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

static void plan(const char *program, const char *act)
{
    (void)unsetenv("KEEPER_PREPARED"); /* once is enough */
    kept_spawn(&kept, &keepers, program, act);
    kept_send_prepare(&kept);
    kept_send_plan(&kept);
}

static int count_entries(void)
{
    DIR *dir = fdopendir(openat(kept.run_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

static void wait_until_it_listens(void)
{
    for (int attempt = 0; count_entries() == 0; attempt++) {
        ck_assert_int_lt(attempt, KEPT_DEADLINE_MS);
        (void)usleep(1000);
    }
}

START_TEST(a_program_that_was_planned_runs_when_it_is_started_and_not_before)
{
    plan("/probe", "say");
    wait_until_it_listens();
    (void)usleep(100 * 1000);
    ck_assert_int_eq(kept_read_log(&kept), 0);
    kept.start.flags |= KEEPER_START_PLANNED;
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(a_plan_that_is_not_the_start_is_dropped)
{
    plan("/probe", "stay");
    kept.args[1] = "say";
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(nobody_finds_a_keeper_that_was_only_told_a_plan)
{
    struct keeper_record record;
    int socket;

    plan("/probe", "stay");
    wait_until_it_listens();
    ck_assert_int_eq(keeper_connect(kept.run_dir, &socket), -ENOENT);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), -ENOENT);
}
END_TEST

START_TEST(a_plan_that_never_becomes_a_start_leaves_nothing_behind)
{
    plan("/probe", "stay");
    wait_until_it_listens();
    ck_assert_int_eq(shutdown(kept.process.socket, SHUT_RDWR), 0);
    kept_wait_readable(kept.process.pidfd);
    ck_assert_int_eq(count_entries(), 0);
}
END_TEST

START_TEST(a_second_plan_is_garbage)
{
    plan("/probe", "stay");
    kept_send_plan(&kept);
    kept_wait_readable(kept.process.pidfd);
}
END_TEST

START_TEST(a_plan_for_a_program_that_is_not_there_is_refused_at_its_start)
{
    plan("/missing", NULL);
    kept.start.flags |= KEEPER_START_PLANNED;
    kept_send_start(&kept);
    kept_wait_state(&kept, KEEPER_REFUSED);
    ck_assert_str_eq(kept.parameter, "args");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_plan");
    TCase *tests = tcase_create("plan");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_program_that_was_planned_runs_when_it_is_started_and_not_before);
    tcase_add_test(tests, a_plan_that_is_not_the_start_is_dropped);
    tcase_add_test(tests, nobody_finds_a_keeper_that_was_only_told_a_plan);
    tcase_add_test(tests, a_plan_that_never_becomes_a_start_leaves_nothing_behind);
    tcase_add_test(tests, a_second_plan_is_garbage);
    tcase_add_test(tests, a_plan_for_a_program_that_is_not_there_is_refused_at_its_start);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
