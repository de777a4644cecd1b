/* SPDX-License-Identifier: Apache-2.0 */
/* Limits and figures of a cgroup. */
#include <errno.h>

#include "agent/guest/container/limits.h"
#include "agent/guest/container/stats.h"
#include "proto/cleanup.h"
#include "tests/unit/guest_cgroup.h"

static void expect(const char *attribute, const char *text)
{
    char found[64];

    ck_assert_int_eq(czone_cgroup_read(cgroup, attribute, found, sizeof(found)), 0);
    ck_assert_str_eq(found, text);
}

/* Limits. */

START_TEST(limits_are_written_in_the_kernel_s_units)
{
    struct limits limits = { .memory = 200 * MIB, .pids = 10, .cpu_weight = 500, .cpu_quota = 1500 };
    struct refusal refusal = REFUSAL_INIT;
    CLEANUP_JSON json_t *json = NULL;

    ck_assert_int_eq(container_limits_set(cgroup, &limits, 240 * MIB, &refusal), 0);
    expect("memory.max", "209715200");
    expect("pids.max", "10");
    expect("cpu.weight", "500");
    expect("cpu.max", "150000 100000");
    json = container_limits_json(cgroup);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "memory")), 200 * MIB);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "pids")), 10);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "cpu_weight")), 500);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "cpu_quota")), 1500);
}
END_TEST

START_TEST(what_is_not_given_stays_as_it_is)
{
    struct limits limits = LIMITS_INIT;
    struct refusal refusal = REFUSAL_INIT;

    ck_assert_int_eq(container_limits_set(cgroup, &limits, 240 * MIB, &refusal), 0);
    expect("cpu.max", "max 100000");
    limits.cpu_quota = 250;
    ck_assert_int_eq(container_limits_set(cgroup, &limits, 240 * MIB, &refusal), 0);
    expect("cpu.max", "25000 100000");
    expect("pids.max", "64");
    limits.cpu_quota = LIMITS_NONE;
    ck_assert_int_eq(container_limits_set(cgroup, &limits, 240 * MIB, &refusal), 0);
    expect("cpu.max", "max 100000");
}
END_TEST

static void expect_refused(const struct limits *limits, int error, const char *field, int64_t limit)
{
    struct refusal refusal = REFUSAL_INIT;

    ck_assert_int_eq(container_limits_set(cgroup, limits, 240 * MIB, &refusal), error);
    ck_assert_str_eq(refusal.id, ERROR_LIMIT_REFUSED);
    ck_assert_str_eq(refusal.subject.text, field);
    ck_assert_int_eq(refusal.limit, limit);
    expect("memory.max", "251658240");
    expect("pids.max", "64");
}

START_TEST(memory_beyond_the_zone_or_below_what_is_used_is_refused_and_changes_nothing)
{
    struct limits limits = { .memory = 240 * MIB + 1, .pids = 10, .cpu_weight = 500, .cpu_quota = 1500 };

    expect_refused(&limits, -ERANGE, "memory", 240 * MIB);
    limits.memory = 100 * MIB - 1;
    expect_refused(&limits, -ERANGE, "memory", 100 * MIB);
    expect("cpu.weight", "100");
    expect("cpu.max", "max 100000");
}
END_TEST

START_TEST(without_the_cpu_controller_its_limits_are_refused_and_changes_nothing)
{
    struct limits limits = {
        .memory = LIMITS_KEEP, .pids = 10, .cpu_weight = LIMITS_KEEP, .cpu_quota = 1500
    };

    drop("cpu.max");
    expect_refused(&limits, -EOPNOTSUPP, "cpu_quota", -1);
}
END_TEST

static int refuse_memory_max(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value)
{
    if (strcmp(attribute, "memory.max") == 0)
        return -EBUSY;
    return czone_backend_linux()->cgroup_write(sys, cgroup_fd, attribute, value);
}

START_TEST(when_the_kernel_refuses_one_limit_the_others_are_set_back)
{
    struct limits limits = { .memory = 200 * MIB, .pids = 10, .cpu_weight = 500, .cpu_quota = 1500 };
    struct refusal refusal = REFUSAL_INIT;

    machine.backend.cgroup_write = refuse_memory_max;
    ck_assert_int_eq(container_limits_set(cgroup, &limits, 240 * MIB, &refusal), -EBUSY);
    ck_assert_str_eq(refusal.id, ERROR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(refusal.reason.text, "memory.max"));
    expect("cpu.weight", "100");
    expect("cpu.max", "max 100000");
    expect("pids.max", "64");
    expect("memory.max", "251658240");
}
END_TEST

/* Figures. */

START_TEST(figures_are_those_of_the_kernel_s_files)
{
    CLEANUP_JSON json_t *stats = NULL;

    ck_assert_int_eq(container_stats_read(cgroup, "web", 1, false, &stats), 0);
    ck_assert_str_eq(json_string_value(json_object_get(stats, "id")), "web");
    ck_assert_int_eq(number(stats, "node"), 1);
    ck_assert_int_eq(number(stats, "cpu.usage"), 1839275000);
    ck_assert_int_eq(number(stats, "cpu.user"), 1200000000);
    ck_assert_int_eq(number(stats, "cpu.system"), 639275000);
    ck_assert_int_eq(number(stats, "cpu.periods"), 12);
    ck_assert_int_eq(number(stats, "cpu.throttled"), 3);
    ck_assert_int_eq(number(stats, "cpu.throttled_time"), 180000000);
    ck_assert_int_eq(number(stats, "cpu.pressure.some.avg10"), 1234);
    ck_assert_int_eq(number(stats, "cpu.pressure.some.total"), 33224508000);
    ck_assert_int_eq(number(stats, "cpu.pressure.full.total"), 7000);
    ck_assert_int_eq(number(stats, "memory.current"), 104857600);
    ck_assert_int_eq(number(stats, "memory.peak"), 125829120);
    ck_assert_int_eq(number(stats, "memory.nodes.0.kernel"), 16384);
    ck_assert_int_eq(number(stats, "memory.nodes.1.node"), 1);
    ck_assert_int_eq(number(stats, "memory.nodes.1.anon"), 83886080);
    ck_assert_int_eq(number(stats, "memory.nodes.1.file"), 4096);
    ck_assert_int_eq(number(stats, "pids.current"), 3);
    ck_assert_int_eq(number(stats, "pids.peak"), 5);
    ck_assert_int_eq(number(stats, "io.devices.0.read_bytes"), 1179648);
    ck_assert_int_eq(number(stats, "limits.memory"), 251658240);
    ck_assert_ptr_null(json_object_get(json_object_get(stats, "limits"), "cpu_quota"));
}
END_TEST

START_TEST(what_this_kernel_does_not_tell_is_absent)
{
    CLEANUP_JSON json_t *stats = NULL;

    put("cpu.stat", "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
    drop("cpu.weight");
    drop("cpu.max");
    drop("cpu.pressure");
    drop("memory.pressure");
    drop("memory.peak");
    drop("pids.peak");
    drop("io.stat");
    drop("io.pressure");
    put("memory.numa_stat", "anon N0\n");
    ck_assert_int_eq(container_stats_read(cgroup, "web", 1, false, &stats), 0);
    ck_assert_uint_eq(json_object_size(json_object_get(stats, "cpu")), 3);
    ck_assert_uint_eq(json_object_size(json_object_get(stats, "memory")), 3);
    ck_assert_uint_eq(json_object_size(json_object_get(stats, "pids")), 2);
    ck_assert_uint_eq(json_object_size(json_object_get(stats, "limits")), 2);
    ck_assert_ptr_null(json_object_get(stats, "io"));
}
END_TEST

START_TEST(a_brief_answer_has_the_figures_without_their_details)
{
    CLEANUP_JSON json_t *stats = NULL;

    ck_assert_int_eq(container_stats_read(cgroup, "web", 1, true, &stats), 0);
    ck_assert_int_eq(number(stats, "memory.current"), 104857600);
    ck_assert_ptr_null(json_object_get(json_object_get(stats, "memory"), "nodes"));
    ck_assert_ptr_null(json_object_get(json_object_get(stats, "cpu"), "pressure"));
    ck_assert_ptr_null(json_object_get(stats, "io"));
}
END_TEST

static const struct {
    const char *attribute, *text;
} nonsense[] = {
    { "cpu.stat", "usage_usec -1\n" },   { "cpu.stat", "" },          { "memory.current", "lots\n" },
    { "memory.events", "oom_kill x\n" }, { "pids.current", "max\n" }, { "pids.events", "\n" },
};

START_TEST(figures_that_make_no_sense_are_an_error)
{
    json_t *stats = NULL;

    put(nonsense[_i].attribute, nonsense[_i].text);
    ck_assert_int_eq(container_stats_read(cgroup, "web", 1, false, &stats), -EBADMSG);
    ck_assert_ptr_null(stats);
}
END_TEST

START_TEST(a_cgroup_that_is_gone_is_told_as_such)
{
    json_t *stats = NULL;

    drop("cpu.stat");
    ck_assert_int_eq(container_stats_read(cgroup, "web", 1, false, &stats), -ENOENT);
    ck_assert_ptr_null(stats);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("limits");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, limits_are_written_in_the_kernel_s_units);
    tcase_add_test(tests, what_is_not_given_stays_as_it_is);
    tcase_add_test(tests, memory_beyond_the_zone_or_below_what_is_used_is_refused_and_changes_nothing);
    tcase_add_test(tests, without_the_cpu_controller_its_limits_are_refused_and_changes_nothing);
    tcase_add_test(tests, when_the_kernel_refuses_one_limit_the_others_are_set_back);
    tcase_add_test(tests, figures_are_those_of_the_kernel_s_files);
    tcase_add_test(tests, what_this_kernel_does_not_tell_is_absent);
    tcase_add_test(tests, a_brief_answer_has_the_figures_without_their_details);
    tcase_add_loop_test(tests, figures_that_make_no_sense_are_an_error, 0, (int)ELEMENTS(nonsense));
    tcase_add_test(tests, a_cgroup_that_is_gone_is_told_as_such);
    return guest_test_main(tests, "guest/limits");
}
