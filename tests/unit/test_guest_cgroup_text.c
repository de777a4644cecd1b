/* SPDX-License-Identifier: Apache-2.0 */
/* What cgroup files say, as kernels 6.1 to 6.12 write them, and what none should. */
#include <errno.h>
#include <string.h>

#include "agent/guest/container/cgroup_text.h"
#include "proto/fields.h"
#include "tests/unit/guest_test.h"

START_TEST(a_number_or_max_is_read)
{
    int64_t number;

    ck_assert_int_eq(cgroup_text_number("4096", &number), 0);
    ck_assert_int_eq(number, 4096);
    ck_assert_int_eq(cgroup_text_number("0\n", &number), 0);
    ck_assert_int_eq(number, 0);
    ck_assert_int_eq(cgroup_text_number("9223372036854775807", &number), 0);
    ck_assert_int_eq(number, INT64_MAX);
    ck_assert_int_eq(cgroup_text_number("max", &number), 0);
    ck_assert_int_eq(number, CGROUP_TEXT_MAX);
}
END_TEST

static const char *const no_numbers[] = {
    "",
    "-1",
    "+1",
    " 1",
    "1 ",
    "0x10",
    "1.5",
    "maximum",
    "1\n2",
    "9223372036854775808",
    "99999999999999999999",
};

START_TEST(what_is_no_number_is_refused_and_sets_nothing)
{
    int64_t number = 77;

    ck_assert_int_eq(cgroup_text_number(no_numbers[_i], &number), -EBADMSG);
    ck_assert_int_eq(number, 77);
}
END_TEST

static const char cpu_stat[] =
    "usage_usec 1839275\nuser_usec 1200000\nsystem_usec 639275\ncore_sched.force_idle_usec 0\n"
    "nr_periods 12\nnr_throttled 3\nthrottled_usec 180000\nnr_bursts 0\nburst_usec 0";

START_TEST(a_key_is_found_by_its_whole_name)
{
    int64_t number = 77;

    ck_assert_int_eq(cgroup_text_key(cpu_stat, "usage_usec", &number), 0);
    ck_assert_int_eq(number, 1839275);
    ck_assert_int_eq(cgroup_text_key(cpu_stat, "burst_usec", &number), 0);
    ck_assert_int_eq(number, 0);
    ck_assert_int_eq(cgroup_text_key(cpu_stat, "usage", &number), -ENOENT);
    ck_assert_int_eq(cgroup_text_key("oom 0\noom_kill 2\noom_group_kill 1", "oom_kill", &number), 0);
    ck_assert_int_eq(number, 2);
    ck_assert_int_eq(cgroup_text_key("", "oom_kill", &number), -ENOENT);
    ck_assert_int_eq(cgroup_text_key("oom_kill", "oom_kill", &number), -ENOENT);
}
END_TEST

START_TEST(a_key_with_something_else_than_a_number_is_refused)
{
    int64_t number = 77;

    ck_assert_int_eq(cgroup_text_key("max \nhigh 1", "max", &number), -EBADMSG);
    ck_assert_int_eq(cgroup_text_key("max -1", "max", &number), -EBADMSG);
    ck_assert_int_eq(cgroup_text_key("max 1 2", "max", &number), -EBADMSG);
    ck_assert_int_eq(cgroup_text_key("max 18446744073709551615", "max", &number), -EBADMSG);
    ck_assert_int_eq(number, 77);
}
END_TEST

START_TEST(a_quota_is_a_number_or_max_and_a_period)
{
    int64_t quota = 77, period = 77;

    ck_assert_int_eq(cgroup_text_quota("max 100000", &quota, &period), 0);
    ck_assert_int_eq(quota, CGROUP_TEXT_MAX);
    ck_assert_int_eq(period, 100000);
    ck_assert_int_eq(cgroup_text_quota("150000 100000", &quota, &period), 0);
    ck_assert_int_eq(quota, 150000);
    ck_assert_int_eq(cgroup_text_quota("150000", &quota, &period), -EBADMSG);
    ck_assert_int_eq(cgroup_text_quota("150000 0", &quota, &period), -EBADMSG);
    ck_assert_int_eq(cgroup_text_quota("150000 max", &quota, &period), -EBADMSG);
    ck_assert_int_eq(cgroup_text_quota("", &quota, &period), -EBADMSG);
}
END_TEST

static const char pressure_text[] = "some avg10=12.34 avg60=0.07 avg300=100.00 total=33224508\n"
                                    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0";

START_TEST(pressure_is_hundredths_of_a_percent_and_microseconds)
{
    struct cgroup_pressure pressure;

    ck_assert_int_eq(cgroup_text_pressure(pressure_text, "some", &pressure), 0);
    ck_assert_int_eq(pressure.avg10, 1234);
    ck_assert_int_eq(pressure.avg60, 7);
    ck_assert_int_eq(pressure.avg300, 10000);
    ck_assert_int_eq(pressure.total_us, 33224508);
    ck_assert_int_eq(cgroup_text_pressure(pressure_text, "full", &pressure), 0);
    ck_assert_int_eq(pressure.total_us, 0);
    ck_assert_int_eq(cgroup_text_pressure("", "some", &pressure), -ENOENT);
    ck_assert_int_eq(
        cgroup_text_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=5", "full", &pressure), -ENOENT);
}
END_TEST

static const char *const no_pressures[] = {
    "some avg10=0.0 avg60=0.00 avg300=0.00 total=5",
    "some avg10=0 avg60=0.00 avg300=0.00 total=5",
    "some avg10=0.000 avg60=0.00 avg300=0.00 total=5",
    "some avg10=-0.01 avg60=0.00 avg300=0.00 total=5",
    "some avg60=0.00 avg10=0.00 avg300=0.00 total=5",
    "some avg10=0.00 avg60=0.00 avg300=0.00",
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=5x",
    "some ",
    "some avg10=92233720368547758.00 avg60=0.00 avg300=0.00 total=5",
};

START_TEST(malformed_pressure_is_refused)
{
    struct cgroup_pressure pressure = { .avg10 = 77 };

    ck_assert_int_eq(cgroup_text_pressure(no_pressures[_i], "some", &pressure), -EBADMSG);
    ck_assert_int_eq(pressure.avg10, 77);
}
END_TEST

START_TEST(memory_of_nodes_is_told_by_kind)
{
    static const char text[] =
        "anon N0=4096 N1=0 N3=419430400\nfile N0=1 N1=0 N3=2\nkernel_stack N0=16384 N1=0 N3=0\n"
        "pagetables N0=8192 N1=0 N3=0\nsec_pagetables N0=0 N1=0 N3=0\nshmem N0=0 N1=0 N3=2\n"
        "file_mapped N0=0 N1=0 N3=0\nanon_thp N0=0 N1=0 N3=2097152\nslab_reclaimable N0=100 N1=0 N3=0\n"
        "slab_unreclaimable N0=200 N1=0 N3=0\nworkingset_refault_anon N0=0 N1=0 N3=0\n";
    struct cgroup_node nodes[8];

    ck_assert_int_eq(cgroup_text_nodes(text, nodes, ELEMENTS(nodes)), 4);
    ck_assert_int_eq(nodes[0].anon, 4096);
    ck_assert_int_eq(nodes[0].file, 1);
    ck_assert_int_eq(nodes[0].kernel, 16384 + 8192 + 100 + 200);
    ck_assert_int_eq(nodes[1].anon + nodes[1].file + nodes[1].kernel, 0);
    ck_assert_int_eq(nodes[2].anon, 0);
    ck_assert_int_eq(nodes[3].anon, 419430400);
    ck_assert_int_eq(nodes[3].file, 2);
    ck_assert_int_eq(cgroup_text_nodes("", nodes, ELEMENTS(nodes)), 0);
    ck_assert_int_eq(cgroup_text_nodes("anon N8=1", nodes, ELEMENTS(nodes)), -E2BIG);
}
END_TEST

static const char *const no_nodes[] = {
    "anon N0=",   "anon N=1",   "anon N0",
    "anon 0=1",   "anon N0=1 ", "anon N0=-1",
    "anon N-1=1", "anon N0=1x", "kernel_stack N0=9223372036854775807\npagetables N0=1",
};

START_TEST(malformed_nodes_are_refused)
{
    struct cgroup_node nodes[8];

    ck_assert_int_eq(cgroup_text_nodes(no_nodes[_i], nodes, ELEMENTS(nodes)), -EBADMSG);
}
END_TEST

START_TEST(io_is_told_by_device)
{
    /* The second line without its end, as some kernels have it; a device that nothing was done to; keys of
     * iocost. */
    static const char text[] =
        "254:0 rbytes=1179648 wbytes=4096 rios=38 wios=1 dbytes=0 dios=0\n"
        "7:0 8:16 rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0 cost.usage=5 cost.vrate=100.00\n"
        "8:0 \n8:32 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n";
    struct cgroup_io devices[4];

    ck_assert_int_eq(cgroup_text_io(text, devices, ELEMENTS(devices)), 2);
    ck_assert_uint_eq(devices[0].major, 254);
    ck_assert_uint_eq(devices[0].minor, 0);
    ck_assert_int_eq(devices[0].read_bytes, 1179648);
    ck_assert_int_eq(devices[0].written_bytes, 4096);
    ck_assert_int_eq(devices[0].reads, 38);
    ck_assert_int_eq(devices[0].writes, 1);
    ck_assert_uint_eq(devices[1].major, 8);
    ck_assert_uint_eq(devices[1].minor, 16);
    ck_assert_int_eq(devices[1].reads, 1);
    ck_assert_int_eq(cgroup_text_io("", devices, ELEMENTS(devices)), 0);
    ck_assert_int_eq(cgroup_text_io(text, devices, 1), -E2BIG);
}
END_TEST

static const char *const no_io[] = {
    "rbytes=1",
    "8:0 rbytes=",
    "8:0 rbytes=-1",
    "8:0 rbytes=1x",
    "8:0 rbytes=99999999999999999999",
    "hello",
    "8:0 rbytes=1\nrios=1",
    "8: rbytes=1",
    "4294967296:0 rbytes=1",
};

START_TEST(malformed_io_is_refused)
{
    struct cgroup_io devices[4];

    ck_assert_int_eq(cgroup_text_io(no_io[_i], devices, ELEMENTS(devices)), -EBADMSG);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cgroup text");

    tcase_add_test(tests, a_number_or_max_is_read);
    tcase_add_loop_test(tests, what_is_no_number_is_refused_and_sets_nothing, 0, (int)ELEMENTS(no_numbers));
    tcase_add_test(tests, a_key_is_found_by_its_whole_name);
    tcase_add_test(tests, a_key_with_something_else_than_a_number_is_refused);
    tcase_add_test(tests, a_quota_is_a_number_or_max_and_a_period);
    tcase_add_test(tests, pressure_is_hundredths_of_a_percent_and_microseconds);
    tcase_add_loop_test(tests, malformed_pressure_is_refused, 0, (int)ELEMENTS(no_pressures));
    tcase_add_test(tests, memory_of_nodes_is_told_by_kind);
    tcase_add_loop_test(tests, malformed_nodes_are_refused, 0, (int)ELEMENTS(no_nodes));
    tcase_add_test(tests, io_is_told_by_device);
    tcase_add_loop_test(tests, malformed_io_is_refused, 0, (int)ELEMENTS(no_io));
    return guest_test_main(tests, "guest/cgroup_text");
}
