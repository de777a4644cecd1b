/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <sys/stat.h>
#include <unistd.h>

static struct czone_release release;

static void setup_release(void)
{
    setup();
    release = (struct czone_release)CZONE_RELEASE_INIT;
}

static void teardown_release(void)
{
    czone_release_done(&release);
    teardown();
}

START_TEST(release_takes_every_block_offline_and_retire_ends_the_claim)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_zone_info info, *infos;
    char text[64];

    ck_assert_int_eq(czone_zone_retire(zone), -EBUSY);
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_uint_eq(release.n_blocks, 4);
    ck_assert_uint_eq(release.n_offline, 4);
    ck_assert_uint_eq(release.range.start, 32 * FAKE_BLOCK_SIZE);
    ck_assert_uint_gt(release.offline_ns, 0);
    ck_assert_uint_eq(release.n_leftovers, 0);
    ck_assert_int_eq(release.failure.error, 0);
    for (uint64_t block = 32; block < 36; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "offline");
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0");
    ck_ok(czone_ctx_validate(ctx, &failure));
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_zone_retire(zone));
    ck_ok(czone_zone_retire(zone));
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.state, CZONE_ZONE_RETURNED);
    ck_assert_int_eq(info.node.n, 1);
    ck_assert_int_eq(czone_zone_release(zone, NULL, &release, &failure), -EINVAL);
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(zone_with_processes_is_not_touched)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    char text[64];

    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 1\nfrozen 0\n"));
    ck_assert_int_eq(czone_zone_release(zone, NULL, &release, &failure), -EBUSY);
    ck_assert_ptr_nonnull(strstr(failure.message, "czone/a"));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_BOUND);
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "online");
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(cgroup_that_is_gone_already_is_no_obstacle)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    char command[160];

    (void)snprintf(command, sizeof(command), "rm -r %s/czone/a", machine.paths[2]);
    ck_assert_int_eq(system(command), 0);
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(file_cache_is_dropped_before_the_offline)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    char text[64];

    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat",
                             "anon N0=0 N1=0\nfile N0=8192 N1=40960\nshmem N0=0 N1=0\n"));
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_uint_gt(release.empty_ns, 0);
    ck_ok(czone_cgroup_read(cgroup, "memory.reclaim", text, sizeof(text)));
    ck_assert_str_eq(text, "49152");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(nothing_is_reclaimed_where_nothing_is_on_the_zone)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    char text[64];

    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat",
                             "anon N0=0 N1=0\nfile N0=8192 N1=4096\nshmem N0=0 N1=4096\n"));
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_uint_eq(release.empty_ns, 0);
    ck_ok(czone_cgroup_read(cgroup, "memory.reclaim", text, sizeof(text)));
    ck_assert_str_eq(text, "");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

static void set_used(uint64_t used_kib)
{
    fake_machine_write(&machine, "sys/devices/system/node/node1/meminfo",
                       "Node 1 MemTotal: 524288 kB\nNode 1 MemFree: %" PRIu64 " kB\n",
                       524288 - 64 - used_kib);
}

static void expect_leftover(size_t i, enum czone_leftover_kind kind, uint64_t kib, const char *owner)
{
    ck_assert_uint_lt(i, release.n_leftovers);
    ck_assert_int_eq(release.leftovers[i].kind, kind);
    ck_assert_uint_eq(release.leftovers[i].bytes, kib * 1024);
    ck_assert_str_eq(release.leftovers[i].owner, owner);
}

START_TEST(leftovers_are_told_by_kind_and_owner)
{
    struct czone_zone *zone = reserve("a", 4);

    /* b has 3 MiB of file cache, 1 of them shmem; its child has 2 MiB of anonymous memory. */
    fake_machine_fill_cgroup(&machine, "b/child");
    fake_machine_fill_cgroup(&machine, "c");
    fake_machine_write(&machine, "cgroup/memory.numa_stat",
                       "anon N0=0 N1=2097152\nfile N0=0 N1=3145728\nshmem N1=1048576\n");
    fake_machine_write(&machine, "cgroup/b/memory.numa_stat",
                       "anon N0=0 N1=2097152\nfile N0=0 N1=3145728\nshmem N1=1048576\n");
    fake_machine_write(&machine, "cgroup/b/child/memory.numa_stat", "anon N0=0 N1=2097152\nfile N0=5 N1=0\n");
    fake_machine_write(&machine, "cgroup/c/memory.numa_stat", "anon N0=99999 N1=0\n");
    set_used(9216);
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_uint_eq(release.n_leftovers, 4);
    expect_leftover(0, CZONE_LEFTOVER_ANON, 2048, "b/child");
    expect_leftover(1, CZONE_LEFTOVER_FILE, 2048, "b");
    expect_leftover(2, CZONE_LEFTOVER_SHMEM, 1024, "b");
    expect_leftover(3, CZONE_LEFTOVER_UNKNOWN, 4096, "");
    czone_zone_unref(zone);
}
END_TEST

/* Seen on 6.1 and 6.12: a parent's figure still had what its removed child had given back. */
START_TEST(leftovers_never_exceed_what_the_node_has_in_use)
{
    struct czone_zone *zone = reserve("a", 4);

    fake_machine_fill_cgroup(&machine, "b/child");
    fake_machine_write(&machine, "cgroup/memory.numa_stat", "anon N1=8388608\n");
    fake_machine_write(&machine, "cgroup/b/memory.numa_stat", "anon N1=8388608\n");
    fake_machine_write(&machine, "cgroup/b/child/memory.numa_stat", "anon N1=4194304\n");
    set_used(4096);
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_uint_eq(release.n_leftovers, 1);
    expect_leftover(0, CZONE_LEFTOVER_ANON, 4096, "b/child");
    czone_zone_unref(zone);
}
END_TEST

START_TEST(used_pages_within_the_slack_are_no_leftovers)
{
    struct czone_zone *zone = reserve("a", 4);

    fake_machine_write(&machine, "cgroup/memory.numa_stat", "anon N1=8388608\n");
    set_used(1088); /* 24 + 248 pages */
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_uint_eq(release.n_leftovers, 0);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(blocks_that_the_host_took_meanwhile_count_as_offline)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_block block = { .id = { 35 }, .node = { 1 } };

    fake_machine_remove_block(&machine, &block);
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_uint_eq(release.n_offline, 4);
    ck_ok(czone_zone_retire(zone));
    ck_ok(czone_ctx_validate(ctx, &failure));
    czone_zone_unref(zone);
}
END_TEST

START_TEST(node_of_a_retired_zone_is_used_again)
{
    for (int i = 0; i < 3; i++) {
        struct czone_zone *zone = reserve("a", 4);
        struct czone_zone_info info;

        czone_zone_get_info(zone, &info);
        ck_assert_int_eq(info.node.n, 1);
        ck_ok(czone_zone_release(zone, NULL, &release, &failure));
        ck_ok(czone_zone_retire(zone));
        czone_zone_unref(zone);
    }
}
END_TEST

/* Claims can be read, but not written: /run is full. */
static void forbid_claims(bool forbidden)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/run/claims/.new", machine.root);
    ck_assert_int_eq(forbidden ? mkdir(path, 0700) : rmdir(path), 0);
}

START_TEST(release_whose_claim_cannot_be_written_leaves_the_zone_as_it_was)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_zone_info info;
    char text[64];

    forbid_claims(true);
    ck_assert_int_lt(czone_zone_release(zone, NULL, &release, &failure), 0);
    forbid_claims(false);
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.state, CZONE_ZONE_BOUND);
    ck_assert_str_eq(info.cgroup, "czone/a");
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "online");
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(reserve_whose_claim_cannot_be_written_claims_nothing)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_zone_info *infos;
    struct czone_zone *zone = NULL;

    forbid_claims(true);
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EISDIR);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_CLAIM);
    forbid_claims(false);
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
    ck_ok(czone_ctx_validate(ctx, &failure));
    zone = reserve("a", 4);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(retry_does_not_touch_a_new_cgroup_of_the_old_path)
{
    struct czone_zone *stuck = reserve("a", 4), *fresh;
    struct czone_cgroup *cgroup = bind_new(stuck, "web");
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    char text[64], command[160];

    /* Between states, as while somebody else takes it offline: no plan touches it. */
    fake_machine_write(&machine, "sys/devices/system/memory/memory33/state", "going-offline\n");
    options.timeout_ms = 300;
    ck_ok(czone_zone_release(stuck, &options, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_QUARANTINED);
    czone_release_done(&release);
    czone_cgroup_unref(cgroup);
    (void)snprintf(command, sizeof(command), "rm -r %s/czone/web", machine.paths[2]);
    ck_assert_int_eq(system(command), 0);
    fresh = reserve("b", 4);
    cgroup = bind_new(fresh, "web");
    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 1\nfrozen 0\n"));
    fake_machine_write(&machine, "sys/devices/system/memory/memory33/state", "online\n");
    ck_ok(czone_zone_release(stuck, &options, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0,3");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(fresh);
    czone_zone_unref(stuck);
}
END_TEST

START_TEST(release_waits_for_processes_on_their_way_out)
{
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_job *job = NULL;
    char text[64];

    options.wait_for_exit = true;
    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 1\nfrozen 0\n"));
    ck_ok(czone_zone_release_start(zone, &options, &job, &failure));
    ck_assert_int_eq(czone_job_process(job, &failure), 0);
    ck_assert_int_eq(czone_job_process(job, &failure), 0);
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_BOUND);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "online");
    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat",
                             "anon N0=0 N1=0\nfile N0=0 N1=4096\nshmem N0=0 N1=0\n"));
    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 0\nfrozen 0\n"));
    ck_ok(czone_job_wait(job, &failure));
    ck_ok(czone_job_release(job, &release));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_cgroup_read(cgroup, "memory.reclaim", text, sizeof(text)));
    ck_assert_str_eq(text, "4096");
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0");
    czone_job_unref(job);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(release_that_waits_in_vain_leaves_the_zone_as_it_was)
{
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    char text[64];

    options.wait_for_exit = true;
    options.timeout_ms = 200;
    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 1\nfrozen 0\n"));
    ck_assert_int_eq(czone_zone_release(zone, &options, &release, &failure), -EBUSY);
    ck_assert_ptr_nonnull(strstr(failure.message, "czone/a"));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_BOUND);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    ck_assert_str_eq(block_file(35, text, sizeof(text)), "online");
    ck_ok(czone_cgroup_write(cgroup, "cgroup.events", "populated 0\nfrozen 0\n"));
    ck_ok(czone_zone_release(zone, &options, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("release");

    tcase_add_checked_fixture(tests, setup_release, teardown_release);
    tcase_add_test(tests, release_takes_every_block_offline_and_retire_ends_the_claim);
    tcase_add_test(tests, zone_with_processes_is_not_touched);
    tcase_add_test(tests, cgroup_that_is_gone_already_is_no_obstacle);
    tcase_add_test(tests, file_cache_is_dropped_before_the_offline);
    tcase_add_test(tests, nothing_is_reclaimed_where_nothing_is_on_the_zone);
    tcase_add_test(tests, leftovers_are_told_by_kind_and_owner);
    tcase_add_test(tests, leftovers_never_exceed_what_the_node_has_in_use);
    tcase_add_test(tests, used_pages_within_the_slack_are_no_leftovers);
    tcase_add_test(tests, blocks_that_the_host_took_meanwhile_count_as_offline);
    tcase_add_test(tests, node_of_a_retired_zone_is_used_again);
    tcase_add_test(tests, release_whose_claim_cannot_be_written_leaves_the_zone_as_it_was);
    tcase_add_test(tests, reserve_whose_claim_cannot_be_written_claims_nothing);
    tcase_add_test(tests, retry_does_not_touch_a_new_cgroup_of_the_old_path);
    tcase_add_test(tests, release_waits_for_processes_on_their_way_out);
    tcase_add_test(tests, release_that_waits_in_vain_leaves_the_zone_as_it_was);
    return backend_test_main(tests, "backend_release");
}
