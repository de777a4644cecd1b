/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(reserve_onlines_the_run_and_nothing_else)
{
    struct czone_zone_info info;
    struct czone_zone *zone;
    char text[64];

    fake_machine_write(&machine, "sys/devices/system/memory/memory43/state", "online\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory43/valid_zones", "Movable\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    zone = reserve("a", 6);
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.state, CZONE_ZONE_ONLINE);
    ck_assert_int_eq(info.node.n, 2);
    ck_assert_uint_eq(info.range.start, 36 * FAKE_BLOCK_SIZE);
    ck_assert_uint_eq(info.range.size, 6 * FAKE_BLOCK_SIZE);
    for (uint64_t block = 36; block < 42; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "online");
    ck_assert_str_eq(block_file(42, text, sizeof(text)), "offline");
    ck_assert_str_eq(block_file(43, text, sizeof(text)), "offline");
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "offline");
    ck_ok(czone_ctx_validate(ctx, &failure));
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_ok(czone_ctx_validate(ctx, &failure));
    czone_zone_unref(zone);
}
END_TEST

START_TEST(memory_onlined_for_the_kernel_is_put_right)
{
    struct czone_zone *zone;
    char text[64];

    fake_machine_write(&machine, "sys/devices/system/memory/memory33/state", "online\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory33/valid_zones", "Normal\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    zone = reserve("a", 4);
    ck_assert_str_eq(
        fake_machine_read(&machine, "sys/devices/system/memory/memory33/valid_zones", text, sizeof(text)),
        "Movable");
    czone_zone_unref(zone);
}
END_TEST

START_TEST(tier_of_a_zone_is_known_once_it_is_online)
{
    struct czone_zone_info info, *infos = NULL;
    struct czone_zone *zone;

    fake_machine_write(&machine, "sys/devices/virtual/memory_tiering/memory_tier22/nodelist", "1\n");
    zone = reserve("a", 4);
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.tier, 22);
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 1);
    ck_assert_int_eq(infos[0].tier, 22);
    free(infos);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(requests_are_checked_and_leave_nothing_behind)
{
    struct czone_zone_request request = request_of("a", 1);
    struct czone_zone_info *infos;
    struct czone_zone *zone = NULL;

    request.bytes = 0;
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request.bytes = UINT64_MAX;
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request = request_of("../a", 1);
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request = request_of(NULL, 1);
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request = request_of("a", 9);
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -ENOSPC);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_PLACE);
    request = request_of("a", 1);
    request.tier = (struct czone_tier_choice){ .preference = CZONE_TIER_NAMED, .tier = 99 };
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request = request_of("a", 1);
    request.cgroup = "czone/a\nb";
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    request = request_of("a", 1);
    request.size += 8;
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EINVAL);
    ck_assert_ptr_null(zone);
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
}
END_TEST

START_TEST(bind_confines_the_cgroup_to_home_and_zone)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a"), *second = NULL;
    struct czone_zone_info info;
    uint64_t usable = 0;
    char text[64];

    ck_ok(czone_zone_usable_bytes(zone, &usable));
    ck_assert_uint_eq(usable, 4 * FAKE_BLOCK_SIZE - UINT64_C(300) * 4096);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    ck_ok(czone_cgroup_read(cgroup, "memory.max", text, sizeof(text)));
    ck_assert_uint_eq(strtoull(text, NULL, 10), usable);
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.state, CZONE_ZONE_BOUND);
    ck_assert_str_eq(info.cgroup, "czone/a");
    ck_ok(czone_cgroup_open(ctx, "czone", &second));
    ck_assert_int_eq(czone_zone_bind(zone, second, &failure), -EBUSY);
    czone_cgroup_unref(second);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

/* Each reading gets the next of these texts, and all that follow the last. */
static pid_t serve_zoneinfo(char (*texts)[4096], size_t n)
{
    char path[512], next[sizeof(path) + 2];
    pid_t pid = fork();

    (void)snprintf(path, sizeof(path), "%s/proc/zoneinfo", machine.root);
    (void)snprintf(next, sizeof(next), "%s.n", path);
    if (pid != 0)
        return pid;
    (void)alarm(20); /* for a reader that does not come */
    for (size_t i = 0; i < n; i++) {
        int out = open(path, O_WRONLY);

        ck_assert_int_eq(write(out, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
        /* The next is there before this reader sees the end of its own. */
        if (i + 1 < n)
            ck_assert_int_eq(mkfifo(next, 0600), 0);
        else
            fake_machine_write(&machine, "proc/zoneinfo.n", "%s", texts[i]);
        ck_assert_int_eq(rename(next, path), 0);
        (void)close(out);
    }
    _exit(0);
}

/* As the kernel does when other nodes come and go while its file is read. */
START_TEST(a_node_that_is_left_out_or_told_twice_is_read_again)
{
    struct czone_zone *zone = reserve("a", 4);
    static char texts[3][4096];
    uint64_t usable = 0;
    const char *part;
    char path[512];
    int status, length;
    pid_t pid;

    (void)fake_machine_read(&machine, "proc/zoneinfo", texts[2], sizeof(texts[2]));
    (void)snprintf(texts[0], sizeof(texts[0]),
                   "Node 0, zone  DMA\n  managed  5\nNode 7, zone  DMA\n  managed 5\n");
    part = strstr(texts[2], "Node 1, ");
    ck_assert_ptr_nonnull(part);
    length = strstr(part, "\nNode ") ? (int)(strstr(part, "\nNode ") - part) : (int)strlen(part);
    (void)snprintf(texts[1], sizeof(texts[1]), "%.*s\n%.*s\n", length, part, length, part);
    (void)snprintf(path, sizeof(path), "%s/proc/zoneinfo", machine.root);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    pid = serve_zoneinfo(texts, 3);
    ck_ok(czone_zone_usable_bytes(zone, &usable));
    ck_assert_uint_eq(usable, 4 * FAKE_BLOCK_SIZE - UINT64_C(300) * 4096);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(bind_finishes_what_one_that_was_killed_has_begun)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    uint64_t usable = 0;
    char text[64];

    /* The claim was written, the cgroup was not. */
    ck_ok(czone_cgroup_write(cgroup, "cpuset.mems", ""));
    ck_ok(czone_cgroup_write(cgroup, "memory.max", "max"));
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    ck_ok(czone_zone_usable_bytes(zone, &usable));
    ck_ok(czone_cgroup_read(cgroup, "memory.max", text, sizeof(text)));
    ck_assert_uint_eq(strtoull(text, NULL, 10), usable);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

/* So that the claim need not be written twice. */
START_TEST(memory_that_is_online_is_claimed_for_its_cgroup_at_once)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_cgroup *cgroup = NULL, *other = NULL;
    struct czone_zone *zone = NULL;
    char text[64];

    set_movable(32, 4);
    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    fake_machine_fill_cgroup(&machine, "czone/a");
    request.cgroup = czone_cgroup_path(cgroup);
    ck_ok(czone_zone_reserve(ctx, &request, &zone, &failure));
    fake_machine_settle(&machine);
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_BOUND);
    ck_ok(czone_cgroup_create(ctx, "b", &other, &failure));
    ck_assert_int_eq(czone_zone_bind(zone, other, &failure), -EBUSY);
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0-1");
    czone_cgroup_unref(other);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

/* What else is online there has to go first, which may fail, and takes its time. */
START_TEST(memory_beside_other_that_is_online_is_claimed_for_no_cgroup_yet)
{
    struct czone_zone_request request = request_of("a", 2);
    struct czone_zone_info info;
    struct czone_zone *zone = NULL;

    set_movable(32, 4);
    request.cgroup = "czone/a";
    ck_ok(czone_zone_probe(ctx, &request, &info, &failure));
    ck_assert_int_eq(info.node.n, 1);
    ck_assert_int_eq(info.state, CZONE_ZONE_PLUGGED);
    ck_ok(czone_zone_reserve(ctx, &request, &zone, &failure));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_ONLINE);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(bind_keeps_a_smaller_limit_of_the_user)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = NULL;
    char text[64];

    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    fake_machine_fill_cgroup(&machine, "czone/a");
    ck_ok(czone_cgroup_write(cgroup, "memory.max", "1048576"));
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    ck_ok(czone_cgroup_read(cgroup, "memory.max", text, sizeof(text)));
    ck_assert_str_eq(text, "1048576");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(bind_without_controllers_says_which_file_to_look_at)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = NULL;

    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    ck_assert_int_eq(czone_zone_bind(zone, cgroup, &failure), -EOPNOTSUPP);
    ck_assert_ptr_nonnull(strstr(failure.message, "cgroup.subtree_control"));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_ONLINE);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

/* The kernel enters a new node into the cpusets later; a policy applied before that would mean a home node.
 */
START_TEST(bind_that_does_not_take_effect_is_taken_back)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = NULL;
    char text[64];

    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    fake_machine_fill_cgroup(&machine, "czone/a");
    ck_ok(czone_cgroup_write(cgroup, "cpuset.mems.effective", "0"));
    ck_assert_int_eq(czone_zone_bind(zone, cgroup, &failure), -ETIMEDOUT);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "");
    ck_ok(czone_cgroup_read(cgroup, "memory.max", text, sizeof(text)));
    ck_assert_str_eq(text, "max");
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_ONLINE);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(move_changes_nodes_and_limit_and_both_claims)
{
    struct czone_zone *from = reserve("a", 4), *to = reserve("b", 8);
    struct czone_cgroup *cgroup = bind_new(from, "a");
    uint64_t usable = 0;
    char text[64];

    ck_ok(czone_zone_move(from, to, &failure));
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0,2");
    ck_ok(czone_zone_usable_bytes(to, &usable));
    ck_ok(czone_cgroup_read(cgroup, "memory.max", text, sizeof(text)));
    ck_assert_uint_eq(strtoull(text, NULL, 10), usable);
    ck_assert_int_eq(state_of(from), CZONE_ZONE_ONLINE);
    ck_assert_int_eq(state_of(to), CZONE_ZONE_BOUND);
    ck_assert_int_eq(czone_zone_move(from, to, &failure), -EINVAL);
    ck_ok(czone_ctx_validate(ctx, &failure));
    czone_cgroup_unref(cgroup);
    czone_zone_unref(from);
    czone_zone_unref(to);
}
END_TEST

START_TEST(move_into_too_small_a_zone_is_refused)
{
    struct czone_zone *from = reserve("a", 8), *to = reserve("b", 4);
    struct czone_cgroup *cgroup = bind_new(from, "a");
    char text[64];

    ck_ok(czone_cgroup_write(cgroup, "memory.current", "900000000"));
    ck_assert_int_eq(czone_zone_move(from, to, &failure), -ENOSPC);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0,2");
    ck_assert_int_eq(state_of(from), CZONE_ZONE_BOUND);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(from);
    czone_zone_unref(to);
}
END_TEST

/* With a second home node above the first zone, the zones stand at different places of the cpuset. */
START_TEST(move_that_the_policy_would_not_follow_is_refused)
{
    struct czone_block home = {
        .id = { 50 }, .node = { 2 }, .state = CZONE_BLOCK_KERNEL, .provider = CZONE_PROVIDER_BOOT
    };
    struct czone_zone *from, *to;
    struct czone_cgroup *cgroup;

    fake_machine_add_block(&machine, &home);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    from = reserve("a", 4);
    to = reserve("b", 4);
    cgroup = bind_new(from, "a");
    ck_assert_int_eq(czone_zone_move(from, to, &failure), -EXDEV);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(from);
    czone_zone_unref(to);
}
END_TEST

/* meminfo of node 1: 512 MiB, of which `used` KiB; fake_machine_settle() parks 64 KiB in a per-CPU list. */
static void set_used(uint64_t used_kib)
{
    fake_machine_write(&machine, "sys/devices/system/node/node1/meminfo",
                       "Node 1 MemTotal: 524288 kB\nNode 1 MemFree: %" PRIu64 " kB\n", 524288 - used_kib);
}

START_TEST(verify_tells_whose_memory_it_is)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_verification v;

    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat",
                             "anon N0=4096 N1=104857600 N2=0\nfile N0=8192 N1=1048576 N2=0\n"
                             "shmem N0=0 N1=524288 N2=0\nfile_mapped N0=1 N1=77777 N2=1\n"
                             "pagetables N0=4096 N1=0 N2=0\nslab_reclaimable N0=64 N1=32 N2=0\n"));
    set_used(64 + 103424 + 1);
    ck_ok(czone_zone_verify(zone, &v));
    ck_assert_uint_eq(v.user_on_zone, 104857600 + 1048576);
    ck_assert_uint_eq(v.user_on_home, 4096 + 8192);
    ck_assert_uint_eq(v.user_elsewhere, 0);
    ck_assert_uint_eq(v.kernel_on_zone, 32);
    ck_assert_uint_eq(v.node_total, 4 * FAKE_BLOCK_SIZE);
    ck_assert_uint_eq(v.node_used, UINT64_C(103489) * 1024);
    ck_assert_uint_eq(v.node_percpu, UINT64_C(16) * 4096);
    ck_assert_uint_eq(v.node_foreign, 1024 - 32);
    ck_assert_uint_eq(v.slack, UINT64_C(272) * 4096);
    ck_assert(v.exclusive);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(verify_is_not_fooled)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_verification v;

    set_used(64 + 4 * 272);
    ck_ok(czone_zone_verify(zone, &v));
    ck_assert(v.exclusive);
    set_used(64 + 4 * 272 + 4);
    ck_ok(czone_zone_verify(zone, &v));
    ck_assert(!v.exclusive);
    set_used(64);
    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat", "anon N0=0 N1=0 N2=4096\n"));
    ck_ok(czone_zone_verify(zone, &v));
    ck_assert_uint_eq(v.user_elsewhere, 4096);
    ck_assert(!v.exclusive);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(cgroup_paths_stay_below_the_root)
{
    static const char *const bad[] = { "/czone", "../x", "a/../../b", "a/..", ".." };
    struct czone_cgroup *cgroup = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(czone_cgroup_open(ctx, bad[i], &cgroup) == -EINVAL, "%s is taken", bad[i]);
    ck_assert_int_eq(czone_cgroup_open(ctx, "czone/none", &cgroup), -ENOENT);
    ck_assert_int_eq(czone_cgroup_create(ctx, "a/b", &cgroup, &failure), -EINVAL);
    ck_assert_int_eq(czone_cgroup_create(ctx, ".helper", &cgroup, &failure), -EINVAL);
    ck_ok(czone_cgroup_open(ctx, "czone", &cgroup));
    ck_assert_int_eq(czone_cgroup_write(cgroup, "../cgroup.controllers", "x"), -EINVAL);
    ck_assert_int_eq(czone_cgroup_write(cgroup, "", "x"), -EINVAL);
    czone_cgroup_unref(cgroup);
}
END_TEST

START_TEST(cgroup_of_a_process_is_its_v2_line)
{
    struct czone_cgroup *cgroup = NULL;

    fake_machine_write(&machine, "proc/77/cgroup", "4:memory:/elsewhere\n0::/czone\n");
    ck_ok(czone_cgroup_open_pid(ctx, 77, &cgroup));
    ck_assert_str_eq(czone_cgroup_path(cgroup), "czone");
    czone_cgroup_unref(cgroup);
    ck_assert_int_eq(czone_cgroup_open_pid(ctx, 78, &cgroup), -ESRCH);
    ck_assert_int_eq(czone_cgroup_open_pid(ctx, 0, &cgroup), -ESRCH);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("zone");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, reserve_onlines_the_run_and_nothing_else);
    tcase_add_test(tests, memory_onlined_for_the_kernel_is_put_right);
    tcase_add_test(tests, tier_of_a_zone_is_known_once_it_is_online);
    tcase_add_test(tests, requests_are_checked_and_leave_nothing_behind);
    tcase_add_test(tests, bind_confines_the_cgroup_to_home_and_zone);
    tcase_add_test(tests, a_node_that_is_left_out_or_told_twice_is_read_again);
    tcase_add_test(tests, bind_finishes_what_one_that_was_killed_has_begun);
    tcase_add_test(tests, memory_that_is_online_is_claimed_for_its_cgroup_at_once);
    tcase_add_test(tests, memory_beside_other_that_is_online_is_claimed_for_no_cgroup_yet);
    tcase_add_test(tests, bind_keeps_a_smaller_limit_of_the_user);
    tcase_add_test(tests, bind_without_controllers_says_which_file_to_look_at);
    tcase_add_test(tests, bind_that_does_not_take_effect_is_taken_back);
    tcase_add_test(tests, move_changes_nodes_and_limit_and_both_claims);
    tcase_add_test(tests, move_into_too_small_a_zone_is_refused);
    tcase_add_test(tests, move_that_the_policy_would_not_follow_is_refused);
    tcase_add_test(tests, verify_tells_whose_memory_it_is);
    tcase_add_test(tests, verify_is_not_fooled);
    tcase_add_test(tests, cgroup_paths_stay_below_the_root);
    tcase_add_test(tests, cgroup_of_a_process_is_its_v2_line);
    return backend_test_main(tests, "backend_zone");
}
