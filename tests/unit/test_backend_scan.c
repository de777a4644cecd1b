/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct czone_node *node(int id)
{
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(ctx, &nodes);

    for (size_t i = 0; i < n; i++)
        if (nodes[i].id.n == id)
            return &nodes[i];
    ck_abort_msg("node %d is not known", id);
    return NULL;
}

START_TEST(nodes_get_their_roles_and_providers)
{
    ck_assert_uint_eq(czone_inventory_block_size(ctx), FAKE_BLOCK_SIZE);
    ck_assert_int_eq(node(0)->role, CZONE_NODE_HOME);
    ck_assert_int_eq(node(0)->provider, CZONE_PROVIDER_BOOT);
    ck_assert_int_eq(node(1)->role, CZONE_NODE_FREE);
    ck_assert_int_eq(node(1)->provider, CZONE_PROVIDER_VIRTIO_MEM);
    ck_assert_uint_eq(node(1)->longest_run, 4);
    ck_assert_uint_eq(node(2)->n_blocks, 8);
    ck_assert_int_eq(node(3)->role, CZONE_NODE_FREE);
    ck_assert_int_eq(node(3)->provider, CZONE_PROVIDER_DIMM);
    ck_assert_int_eq(node(4)->role, CZONE_NODE_EMPTY);
    ck_ok(czone_ctx_validate(ctx, &failure));
}
END_TEST

START_TEST(memory_only_node_of_boot_memory_is_never_free)
{
    struct czone_block block = {
        .id = { 50 }, .node = { 4 }, .state = CZONE_BLOCK_MOVABLE, .provider = CZONE_PROVIDER_BOOT
    };

    fake_machine_add_block(&machine, &block);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(node(4)->role, CZONE_NODE_UNFIT);
    fake_machine_write(&machine, "sys/devices/system/memory/memory50/valid_zones", "Normal\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(node(4)->role, CZONE_NODE_HOME);
}
END_TEST

/* Absent CPUs keep a node possible; only online ones make it a home. */
START_TEST(node_whose_memory_was_onlined_for_the_kernel_is_no_home)
{
    fake_machine_write(&machine, "sys/devices/system/memory/memory32/state", "online\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory32/valid_zones", "Normal\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(node(1)->role, CZONE_NODE_FREE);
}
END_TEST

START_TEST(tier_is_read_and_outlives_the_memory)
{
    ck_assert_int_eq(node(1)->tier, -1);
    fake_machine_write(&machine, "sys/devices/virtual/memory_tiering/memory_tier4/nodelist", "0-1\n");
    fake_machine_write(&machine, "sys/devices/virtual/memory_tiering/memory_tier22/nodelist", "2\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(node(0)->tier, 4);
    ck_assert_int_eq(node(1)->tier, 4);
    ck_assert_int_eq(node(2)->tier, 22);
    fake_machine_write(&machine, "sys/devices/virtual/memory_tiering/memory_tier22/nodelist", "\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(node(2)->tier, 22);
}
END_TEST

START_TEST(hidden_resource_tree_leaves_nodes_usable)
{
    fake_machine_write(&machine, "proc/iomem", "00000000-00000000 : System RAM\n");
    ctx = czone_ctx_unref(ctx);
    open_ctx();
    ck_assert_int_eq(node(0)->role, CZONE_NODE_HOME);
    ck_assert_int_eq(node(1)->role, CZONE_NODE_FREE);
    ck_assert_int_eq(node(1)->provider, CZONE_PROVIDER_UNKNOWN);
    ck_assert_int_eq(node(3)->provider, CZONE_PROVIDER_DIMM);
}
END_TEST

START_TEST(refresh_that_fails_leaves_the_view_as_it_was)
{
    fake_machine_write(&machine, "sys/devices/system/memory/block_size_bytes", "rubbish\n");
    ck_assert_int_eq(czone_ctx_refresh(ctx, &failure), -EINVAL);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_SCAN);
    ck_assert_uint_eq(node(2)->n_blocks, 8);
}
END_TEST

/* The roots of a context that cannot be opened, and what it says. */
static void expect_no_ctx(int error, const char *words)
{
    struct czone_ctx *none = NULL;
    struct czone_failure why = CZONE_FAILURE_INIT;
    int r = czone_ctx_new(&machine.options, &none, &why);

    ck_assert_msg(r == error, "%d, not %d: %s", r, error, why.message);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(why.error, error);
    ck_assert_msg(strstr(why.message, words) != NULL, "\"%s\" does not say \"%s\"", why.message, words);
}

START_TEST(kernel_without_memory_hotplug_is_named)
{
    machine.options.sysfs_root = machine.paths[1];
    expect_no_ctx(-ENOENT, "CONFIG_MEMORY_HOTPLUG");
}
END_TEST

START_TEST(cgroup_v1_is_named)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/cgroup.controllers", machine.paths[2]);
    ck_assert_int_eq(unlink(path), 0);
    expect_no_ctx(-EOPNOTSUPP, "cgroup v2");
}
END_TEST

START_TEST(missing_controller_is_named)
{
    fake_machine_write(&machine, "cgroup/cgroup.controllers", "cpu memory pids\n");
    expect_no_ctx(-EOPNOTSUPP, "cpuset controller");
    fake_machine_write(&machine, "cgroup/cgroup.controllers", "cpuset_x xcpuset memory pids\n");
    expect_no_ctx(-EOPNOTSUPP, "cpuset controller");
}
END_TEST

START_TEST(options_are_checked)
{
    machine.options.cgroup_base = "/czone";
    expect_no_ctx(-EINVAL, "/czone");
    machine.options.cgroup_base = "a/../../b";
    expect_no_ctx(-EINVAL, "..");
    machine.options.cgroup_base = NULL;
    machine.options.size += 8;
    expect_no_ctx(-EINVAL, "later version");
}
END_TEST

#define DANGER_IDS_MAX 256

static void collect(void *data, const char *id, const char *sentence)
{
    char *ids = data;

    ck_assert_uint_gt(strlen(sentence), 20);
    (void)snprintf(ids + strlen(ids), DANGER_IDS_MAX - strlen(ids), "%s ", id);
}

START_TEST(dangers_are_told_by_id)
{
    char ids[DANGER_IDS_MAX] = "";

    ck_assert_int_eq(czone_ctx_check(ctx, collect, ids), 0);
    fake_machine_write(&machine, "sys/kernel/mm/numa/demotion_enabled", "true\n");
    fake_machine_write(&machine, "sys/kernel/mm/ksm/run", "1\n");
    fake_machine_write(&machine, "proc/sys/kernel/numa_balancing", "1\n");
    fake_machine_write(&machine, "sys/devices/system/memory/auto_online_blocks", "online\n");
    fake_machine_write(&machine, "proc/sys/kernel/tainted", "%d\n", 1 << 7 | 1 << 9);
    fake_machine_write(&machine, "proc/sys/net/core/skb_defer_max", "64\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory32/state", "online\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory32/valid_zones", "Normal\n");
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(czone_ctx_check(ctx, collect, ids), 7);
    ck_assert_str_eq(ids, "demotion-enabled numa-balancing ksm-running auto-online deferred-packets "
                          "kernel-oops wrong-zone ");
}
END_TEST

START_TEST(settings_that_are_off_are_no_danger)
{
    char ids[DANGER_IDS_MAX] = "";

    fake_machine_write(&machine, "sys/kernel/mm/numa/demotion_enabled", "false\n");
    fake_machine_write(&machine, "sys/kernel/mm/ksm/run", "0\n");
    fake_machine_write(&machine, "proc/sys/kernel/numa_balancing", "0\n");
    fake_machine_write(&machine, "proc/sys/kernel/tainted", "%d\n", 1 << 9);
    fake_machine_write(&machine, "proc/sys/net/core/skb_defer_max", "0\n");
    ck_assert_int_eq(czone_ctx_check(ctx, collect, ids), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scan");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nodes_get_their_roles_and_providers);
    tcase_add_test(tests, memory_only_node_of_boot_memory_is_never_free);
    tcase_add_test(tests, node_whose_memory_was_onlined_for_the_kernel_is_no_home);
    tcase_add_test(tests, tier_is_read_and_outlives_the_memory);
    tcase_add_test(tests, hidden_resource_tree_leaves_nodes_usable);
    tcase_add_test(tests, refresh_that_fails_leaves_the_view_as_it_was);
    tcase_add_test(tests, kernel_without_memory_hotplug_is_named);
    tcase_add_test(tests, cgroup_v1_is_named);
    tcase_add_test(tests, missing_controller_is_named);
    tcase_add_test(tests, options_are_checked);
    tcase_add_test(tests, dangers_are_told_by_id);
    tcase_add_test(tests, settings_that_are_off_are_no_danger);
    return backend_test_main(tests, "backend_scan");
}
