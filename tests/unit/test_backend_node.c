/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a node's zones before there are any: nodes and policy of their cgroups. */
#include "backend_test.h"

#include <linux/mempolicy.h>
#include <sys/stat.h>

START_TEST(policy_is_relative_to_the_cpuset)
{
    struct czone_zone *zone = reserve("a", 8);
    struct czone_cgroup *cgroup;
    struct czone_policy policy;

    ck_assert_int_eq(czone_zone_policy(zone, &policy), -EINVAL);
    cgroup = bind_new(zone, "a");
    ck_ok(czone_zone_policy(zone, &policy));
    ck_assert_int_eq(policy.mode, MPOL_BIND | MPOL_F_RELATIVE_NODES);
    /* Node 2, but the second of {0, 2}. */
    ck_assert_uint_eq(policy.nodes[0], 2);
    for (size_t i = 1; i < sizeof(policy.nodes) / sizeof(policy.nodes[0]); i++)
        ck_assert_uint_eq(policy.nodes[i], 0);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(policy_of_a_node_is_that_of_its_zones)
{
    struct czone_zone *zone = reserve("a", 8);
    struct czone_cgroup *cgroup = bind_new(zone, "a");
    struct czone_policy of_node, of_zone;
    struct czone_zone_info info;

    czone_zone_get_info(zone, &info);
    ck_ok(czone_zone_policy(zone, &of_zone));
    ck_ok(czone_node_policy(ctx, info.node, &of_node));
    ck_assert_int_eq(of_node.mode, of_zone.mode);
    ck_assert_mem_eq(of_node.nodes, of_zone.nodes, sizeof(of_node.nodes));
    ck_assert_int_eq(czone_node_policy(ctx, (czone_node_id){ 77 }, &of_node), -ENOENT);
    ck_assert_int_eq(czone_node_policy(ctx, (czone_node_id){ 0 }, &of_node),
                     -ENODEV); /* home, and nothing beside it */
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(mems_of_a_node_are_those_of_its_zones_and_are_not_written_twice)
{
    struct czone_zone *zone = reserve("a", 8);
    struct czone_cgroup *cgroup = NULL;
    const struct timespec long_ago[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    struct czone_zone_info info;
    char mems[16], text[16];
    struct stat st;

    czone_zone_get_info(zone, &info);
    ck_ok(czone_node_mems(ctx, info.node, mems, sizeof(mems)));
    ck_assert_int_eq(czone_node_mems(ctx, info.node, mems, 2), -ENOBUFS);
    ck_assert_int_eq(czone_node_mems(ctx, (czone_node_id){ 77 }, text, sizeof(text)), -ENOENT);
    ck_assert_int_eq(czone_node_mems(ctx, (czone_node_id){ 0 }, text, sizeof(text)), -ENODEV);
    ck_ok(czone_node_mems(ctx, info.node, mems, sizeof(mems)));
    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    fake_machine_fill_cgroup(&machine, "czone/a");
    ck_ok(czone_cgroup_write(cgroup, "cpuset.mems", mems));
    ck_assert_int_eq(utimensat(czone_cgroup_fd(cgroup), "cpuset.mems", long_ago, 0), 0);
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    ck_assert_int_eq(fstatat(czone_cgroup_fd(cgroup), "cpuset.mems", &st, 0), 0);
    ck_assert_int_eq(st.st_mtim.tv_sec, 1);
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, mems);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(cgroup_that_is_confined_has_the_home_nodes_until_it_is_bound)
{
    struct czone_zone *zone = reserve("a", 8);
    struct czone_cgroup *cgroup = NULL;
    char text[64];

    ck_ok(czone_cgroup_create(ctx, "a", &cgroup, &failure));
    ck_assert_int_eq(czone_cgroup_confine(cgroup), -ENOENT);
    fake_machine_fill_cgroup(&machine, "czone/a");
    ck_ok(czone_cgroup_confine(cgroup));
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_str_eq(text, "0");
    ck_ok(czone_cgroup_write(cgroup, "cpuset.mems.effective", "0,2"));
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    ck_ok(czone_cgroup_read(cgroup, "cpuset.mems", text, sizeof(text)));
    ck_assert_int_eq(czone_cgroup_confine(cgroup), -EBUSY);
    ck_assert_str_eq(text, "0,2");
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("node");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, policy_is_relative_to_the_cpuset);
    tcase_add_test(tests, policy_of_a_node_is_that_of_its_zones);
    tcase_add_test(tests, mems_of_a_node_are_those_of_its_zones_and_are_not_written_twice);
    tcase_add_test(tests, cgroup_that_is_confined_has_the_home_nodes_until_it_is_bound);
    return backend_test_main(tests, "backend_node");
}
