/* SPDX-License-Identifier: Apache-2.0 */
/* Two contexts on one machine, as two processes have them: neither decides on what it knew before the other.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "backend_test.h"

static struct czone_ctx *other;

static void setup_other(void)
{
    setup();
    ck_ok(czone_ctx_new(&machine.options, &other, &failure));
}

static void teardown_other(void)
{
    other = czone_ctx_unref(other);
    teardown();
}

static struct czone_zone *open_in_other(const char *name)
{
    struct czone_zone *zone = NULL;

    ck_ok(czone_zone_open(other, name, &zone));
    return zone;
}

START_TEST(release_takes_blocks_offline_that_another_context_has_put_online)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *mine = reserve("a", 4), *theirs = open_in_other("a");
    char text[64];

    ck_ok(czone_zone_release(theirs, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    for (uint64_t block = 32; block < 36; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "offline");
    czone_release_done(&release);
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(reserve_puts_blocks_online_that_another_context_has_taken_offline)
{
    struct czone_zone_request request = request_of("b", 4);
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *mine = reserve("a", 4), *theirs = NULL;
    char text[64];

    ck_ok(czone_ctx_refresh(other, &failure));
    ck_ok(czone_zone_release(mine, NULL, &release, &failure));
    ck_ok(czone_zone_retire(mine));
    fake_machine_settle(&machine);
    ck_ok(czone_zone_reserve(other, &request, &theirs, &failure));
    fake_machine_settle(&machine);
    for (uint64_t block = 32; block < 36; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "online");
    czone_release_done(&release);
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(reserve_does_not_count_on_blocks_that_are_gone)
{
    struct czone_block block = { .id = { 35 }, .node = { 1 } };
    struct czone_zone_info info;
    struct czone_zone *zone;

    fake_machine_remove_block(&machine, &block);
    zone = reserve("a", 4);
    czone_zone_get_info(zone, &info);
    ck_assert_int_ne(info.node.n, 1);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(zone_bound_by_another_context_is_bound)
{
    struct czone_zone *mine = reserve("a", 4), *theirs = open_in_other("a");
    struct czone_cgroup *first = bind_new(mine, "one"), *second = NULL;
    struct czone_zone_info info;
    char text[64];

    ck_ok(czone_cgroup_create(other, "two", &second, &failure));
    fake_machine_fill_cgroup(&machine, "czone/two");
    ck_assert_int_eq(czone_zone_bind(theirs, second, &failure), -EBUSY);
    ck_assert_ptr_nonnull(strstr(failure.message, "czone/one"));
    czone_zone_get_info(theirs, &info);
    ck_assert_str_eq(info.cgroup, "czone/one");
    ck_assert_str_eq(fake_machine_read(&machine, "cgroup/czone/two/cpuset.mems", text, sizeof(text)), "");
    czone_cgroup_unref(second);
    czone_cgroup_unref(first);
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(zone_bound_by_another_context_is_not_released_under_its_processes)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *mine = reserve("a", 4), *theirs = open_in_other("a");
    struct czone_cgroup *cgroup = bind_new(mine, "one");
    char text[64];

    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 1\nfrozen 0\n"));
    ck_assert_int_eq(czone_zone_release(theirs, NULL, &release, &failure), -EBUSY);
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "online");
    ck_assert_int_eq(state_of(theirs), CZONE_ZONE_BOUND);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(zone_retired_by_another_context_is_over)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *mine = reserve("a", 4), *theirs = open_in_other("a");

    ck_ok(czone_zone_release(theirs, NULL, &release, &failure));
    ck_ok(czone_zone_retire(theirs));
    ck_assert_int_eq(czone_zone_release(mine, NULL, &release, &failure), -EINVAL);
    ck_assert_int_eq(state_of(mine), CZONE_ZONE_RETURNED);
    ck_ok(czone_zone_retire(mine));
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(cgroup_of_one_zone_is_not_bound_to_another)
{
    struct czone_zone *a = reserve("a", 4), *b = reserve("b", 4);
    struct czone_cgroup *cgroup = bind_new(a, "one");
    struct czone_zone *theirs = open_in_other("b");
    char text[64];

    ck_assert_int_eq(czone_zone_bind(theirs, cgroup, &failure), -EBUSY);
    ck_assert_ptr_nonnull(strstr(failure.message, "zone a"));
    ck_assert_int_eq(state_of(b), CZONE_ZONE_ONLINE);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(theirs);
    czone_zone_unref(a);
    czone_zone_unref(b);
}
END_TEST

static int open_lock_file(void)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/claims.lock", machine.options.run_root);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(claims_that_nobody_has_changed_are_looked_at_without_the_lock)
{
    struct czone_zone *mine = reserve("a", 4), *theirs = open_in_other("a");
    int fd = open_lock_file();

    /* Whoever waits for it now waits for ever. */
    ck_assert_int_eq(flock(fd, LOCK_EX), 0);
    ck_ok(czone_ctx_refresh(other, &failure));
    czone_zone_unref(theirs);
    theirs = open_in_other("a");
    (void)close(fd);
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

START_TEST(claims_are_seen_although_the_lock_file_was_removed)
{
    char path[256];
    struct czone_zone *mine, *theirs;

    (void)snprintf(path, sizeof(path), "%s/claims.lock", machine.options.run_root);
    ck_assert_int_eq(unlink(path), 0);
    mine = reserve("a", 4);
    theirs = open_in_other("a");
    czone_zone_unref(theirs);
    czone_zone_unref(mine);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("contexts");

    tcase_add_checked_fixture(tests, setup_other, teardown_other);
    tcase_add_test(tests, release_takes_blocks_offline_that_another_context_has_put_online);
    tcase_add_test(tests, reserve_puts_blocks_online_that_another_context_has_taken_offline);
    tcase_add_test(tests, reserve_does_not_count_on_blocks_that_are_gone);
    tcase_add_test(tests, zone_bound_by_another_context_is_bound);
    tcase_add_test(tests, zone_bound_by_another_context_is_not_released_under_its_processes);
    tcase_add_test(tests, zone_retired_by_another_context_is_over);
    tcase_add_test(tests, cgroup_of_one_zone_is_not_bound_to_another);
    tcase_add_test(tests, claims_that_nobody_has_changed_are_looked_at_without_the_lock);
    tcase_add_test(tests, claims_are_seen_although_the_lock_file_was_removed);
    return backend_test_main(tests, "backend_contexts");
}
