/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/qemu_inventory.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

#define MIB   (UINT64_C(1) << 20)
#define GIB   (UINT64_C(1) << 30)
#define BLOCK (128 * MIB)

/* What QEMU 7.2 answered to query-memory-devices, ids and sizes changed: a free virtio-mem device of 1 GiB on
 * node 1, one of 512 MiB on node 2 with 256 MiB plugged, one without an id, a dimm of ours on node 3, a
 * foreign one. */
static const char real[] =
    "[{\"type\":\"virtio-mem\",\"data\":{\"memdev\":\"/objects/"
    "zb1\",\"memaddr\":4294967296,\"block-size\":2097152,"
    "\"size\":0,\"node\":1,\"max-size\":1073741824,\"requested-size\":0,\"id\":\"z1\"}},"
    "{\"type\":\"virtio-mem\",\"data\":{\"memdev\":\"/objects/"
    "zb2\",\"memaddr\":5368709120,\"block-size\":2097152,"
    "\"size\":268435456,\"node\":2,\"max-size\":536870912,\"requested-size\":268435456,\"id\":\"z2\"}},"
    "{\"type\":\"virtio-mem\",\"data\":{\"memdev\":\"/objects/"
    "zb3\",\"memaddr\":6442450944,\"block-size\":2097152,"
    "\"size\":0,\"node\":6,\"max-size\":536870912,\"requested-size\":0}},"
    "{\"type\":\"dimm\",\"data\":{\"memdev\":\"/objects/"
    "czone-dimm-3-mem-00000000000000ff\",\"hotplugged\":true,\"addr\":7516192768,"
    "\"hotpluggable\":true,\"size\":268435456,\"slot\":0,\"node\":3,\"id\":\"czone-dimm-3\"}},"
    "{\"type\":\"dimm\",\"data\":{\"memdev\":\"/objects/m\",\"hotplugged\":true,\"addr\":8589934592,"
    "\"hotpluggable\":true,\"size\":268435456,\"slot\":1,\"node\":4,\"id\":\"czone-dimm-04\"}}]";

static const struct tier_map no_tiers;

static int decode(const char *text, struct inventory *ret)
{
    CLEANUP_JSON json_t *value = json_loads(text, 0, NULL);

    ck_assert_msg(value != NULL, "the test's own JSON is wrong: %s", text);
    return inventory_decode(value, ret, NULL);
}

static struct driver_plug plug_of(uint64_t bytes)
{
    return (struct driver_plug){ .bytes = bytes, .block = BLOCK, .map = &no_tiers };
}

/* The name of the device chosen, or "". */
static const char *choose(const struct inventory *inventory, const struct driver_plug *plug,
                          uint64_t *ret_bytes)
{
    const struct qemu_device *device;
    uint64_t largest;

    device = inventory_choose(inventory, plug, ret_bytes, &largest);
    return device ? device->name : "";
}

static const char *match(const struct inventory *inventory, uint64_t start, uint64_t bytes)
{
    const struct qemu_device *device;
    struct range range = { start, bytes };
    struct reason reason = { 0 };
    int r = inventory_match(inventory, &range, &device, &reason);

    ck_assert(r == 0 || (r == -ENOENT && reason.text[0] != '\0'));
    return r == 0 ? device->name : "";
}

START_TEST(what_a_real_qemu_says_is_read)
{
    struct inventory inventory;

    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert_uint_eq(inventory.count, 5);
    ck_assert_int_eq(inventory.devices[1].type, QEMU_VIRTIO_MEM);
    ck_assert_uint_eq(inventory.devices[1].plugged, 256 * MIB);
    ck_assert_int_eq(inventory.devices[1].node, 2);
    ck_assert_int_eq(inventory.devices[2].type, QEMU_OTHER);
    ck_assert_int_eq(inventory.devices[3].type, QEMU_DIMM);
    ck_assert_uint_eq(inventory.devices[3].span.start, UINT64_C(7516192768));
    ck_assert_int_eq(inventory.devices[4].type, QEMU_OTHER);
    ck_assert_ptr_nonnull(inventory_find(&inventory, "z1"));
    ck_assert_ptr_null(inventory_find(&inventory, ""));
    ck_assert_ptr_null(inventory_find(&inventory, "czone-dimm-04"));
    inventory_done(&inventory);
}
END_TEST

START_TEST(what_breaks_qemu_s_schema_is_refused)
{
    static const char *const wrong[] = {
        "{}",
        "[1]",
        "[{\"type\":\"dimm\"}]",
        "[{\"data\":{}}]",
        "[{\"type\":\"dimm\",\"data\":{\"addr\":-1,\"size\":1}}]",
        "[{\"type\":\"dimm\",\"data\":{\"addr\":9223372036854775807,\"size\":\"1\"}}]",
        "[{\"type\":\"virtio-mem\",\"data\":{\"id\":\"z\",\"memaddr\":0,\"block-size\":3,\"size\":0,\"node\":"
        "1,"
        "\"max-size\":6,\"requested-size\":0}}]",
        "[{\"type\":\"virtio-mem\",\"data\":{\"id\":\"z\",\"memaddr\":0,\"block-size\":2,\"size\":8,\"node\":"
        "1,"
        "\"max-size\":6,\"requested-size\":0}}]",
    };
    struct inventory inventory;

    ck_assert_int_eq(decode(wrong[_i], &inventory), -EPROTO);
}
END_TEST

START_TEST(the_smallest_free_device_that_fits_is_chosen)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(200 * MIB);
    struct qemu_device *small;
    uint64_t bytes = 0;

    ck_assert_int_eq(decode(real, &inventory), 0);
    /* z2 is smaller, but taken. */
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1");
    ck_assert_uint_eq(bytes, 2 * BLOCK);
    small = inventory_find(&inventory, "z2");
    small->plugged = 0;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1"); /* requested still */
    small->requested = 0;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z2");
    small->busy = true;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1");
}
END_TEST

START_TEST(what_fits_nowhere_says_how_much_there_is)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(2 * GIB);
    uint64_t bytes, largest;

    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert_ptr_null(inventory_choose(&inventory, &plug, &bytes, &largest));
    ck_assert_uint_eq(largest, GIB);
    plug.bytes = UINT64_MAX;
    ck_assert_ptr_null(inventory_choose(&inventory, &plug, &bytes, &largest));
}
END_TEST

START_TEST(a_zone_gets_no_node_where_memory_is)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(BLOCK);
    uint64_t bytes;

    ck_assert_int_eq(decode(real, &inventory), 0);
    inventory.devices[4].node = 1; /* the foreign dimm */
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "");
}
END_TEST

START_TEST(a_device_that_does_not_begin_at_a_block_is_left_alone)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(BLOCK);
    uint64_t bytes;

    ck_assert_int_eq(decode(real, &inventory), 0);
    inventory_find(&inventory, "z1")->span.start += 2 * MIB;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "");
}
END_TEST

START_TEST(sizes_are_rounded_to_what_guest_and_device_can_do)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(BLOCK);
    uint64_t bytes;

    ck_assert_int_eq(decode(real, &inventory), 0);
    inventory_find(&inventory, "z1")->block = 512 * MIB;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1");
    ck_assert_uint_eq(bytes, 512 * MIB);
}
END_TEST

START_TEST(the_tier_goes_before_the_size_unless_any_will_do)
{
    CLEANUP(inventory_done) struct inventory inventory;
    struct driver_plug plug = plug_of(BLOCK);
    struct tier_map map = { 0 };
    uint64_t bytes;

    ck_assert_int_eq(decode(real, &inventory), 0);
    inventory_find(&inventory, "z2")->plugged = inventory_find(&inventory, "z2")->requested = 0;
    ck_assert_int_eq(tier_map_add(&map, "fast=1", NULL), 0);
    ck_assert_int_eq(tier_map_add(&map, "memory_tier9=5", NULL), 0);
    plug.map = &map;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z2");
    plug.tier = (struct tier_want){ TIER_FAST, 0 };
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1");
    plug.bytes = GIB;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z1");
    /* fast is a wish: the other one will do. */
    inventory_find(&inventory, "z1")->busy = true;
    plug.bytes = BLOCK;
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "z2");
    plug.tier = (struct tier_want){ TIER_NAMED, 9 };
    ck_assert_str_eq(choose(&inventory, &plug, &bytes), "");
}
END_TEST

START_TEST(a_range_belongs_to_the_device_that_has_all_of_it)
{
    CLEANUP(inventory_done) struct inventory inventory;
    uint64_t z2 = 5 * GIB, dimm = 7 * GIB;

    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert_str_eq(match(&inventory, z2, 256 * MIB), "z2");
    ck_assert_str_eq(match(&inventory, z2 + 256 * MIB, 256 * MIB), "z2");
    ck_assert_str_eq(match(&inventory, dimm, 256 * MIB), "czone-dimm-3");
    ck_assert_str_eq(match(&inventory, 4 * GIB, GIB), "z1"); /* empty: answered as returned */
    /* Over an edge, or from one device into the next. */
    ck_assert_str_eq(match(&inventory, z2 - 2 * MIB, 256 * MIB), "");
    ck_assert_str_eq(match(&inventory, z2 + 384 * MIB, 256 * MIB), "");
    ck_assert_str_eq(match(&inventory, 4 * GIB, 2 * GIB), "");
    /* More than is plugged. */
    ck_assert_str_eq(match(&inventory, z2, 512 * MIB), "");
    /* Not whole blocks. */
    ck_assert_str_eq(match(&inventory, z2 + 4096, 128 * MIB), "");
    ck_assert_str_eq(match(&inventory, z2, 128 * MIB + 4096), "");
    /* A part of a dimm. */
    ck_assert_str_eq(match(&inventory, dimm, 128 * MIB), "");
    ck_assert_str_eq(match(&inventory, dimm + 128 * MIB, 128 * MIB), "");
}
END_TEST

START_TEST(a_range_of_memory_that_is_not_ours_is_unknown)
{
    CLEANUP(inventory_done) struct inventory inventory;

    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert_str_eq(match(&inventory, 0, 512 * MIB), "");
    ck_assert_str_eq(match(&inventory, 6 * GIB, 512 * MIB), "");
    ck_assert_str_eq(match(&inventory, 8 * GIB, 256 * MIB), "");
    ck_assert_str_eq(match(&inventory, 5 * GIB, 0), "");
    ck_assert_str_eq(match(&inventory, UINT64_MAX - 4095, 8192), "");
    ck_assert_str_eq(match(&inventory, 5 * GIB, UINT64_MAX), "");
}
END_TEST

START_TEST(only_names_we_would_give_are_ours)
{
    char name[DRIVER_NAME_MAX];

    dimm_name(12, name);
    ck_assert_int_eq(dimm_node(name), 12);
    ck_assert_int_eq(dimm_node("czone-dimm-"), -1);
    ck_assert_int_eq(dimm_node("czone-dimm--1"), -1);
    ck_assert_int_eq(dimm_node("czone-dimm-007"), -1);
    ck_assert_int_eq(dimm_node("czone-dimm- 7"), -1);
    ck_assert_int_eq(dimm_node("czone-dimm-7/x"), -1);
    ck_assert_int_eq(dimm_node("czone-dimm-99999999999999999999"), -1);
    ck_assert_int_eq(dimm_node("dimm1"), -1);
}
END_TEST

START_TEST(memory_objects_have_a_new_name_each_time)
{
    CLEANUP(inventory_done) struct inventory inventory;
    char a[DRIVER_NAME_MAX], b[DRIVER_NAME_MAX];

    dimm_memory_name(3, 0xff, a);
    dimm_memory_name(3, UINT64_MAX, b);
    ck_assert_str_ne(a, b);
    ck_assert(dimm_memory_is_ours(a) && dimm_memory_is_ours(b));
    ck_assert(!dimm_memory_is_ours("czone-dimm-3"));
    ck_assert(!dimm_memory_is_ours("czone-dimm-3-mem"));
    ck_assert(!dimm_memory_is_ours("czone-dimm-3-mem-ff"));
    ck_assert(!dimm_memory_is_ours("czone-dimm-3-mem-00000000000000FF"));
    ck_assert(!dimm_memory_is_ours("m0"));
    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert(inventory_has_memory(&inventory, a));
    ck_assert(!inventory_has_memory(&inventory, b));
}
END_TEST

START_TEST(dimms_go_to_nodes_with_absent_cpus_only)
{
    static const char cpus[] =
        "[{\"props\":{\"core-id\":4,\"node-id\":5},\"type\":\"x\"},"
        "{\"props\":{\"core-id\":3,\"node-id\":3},\"type\":\"x\"},"
        "{\"props\":{\"core-id\":2,\"node-id\":1},\"type\":\"x\"},"
        "{\"props\":{\"core-id\":1,\"node-id\":0},\"type\":\"x\"},"
        "{\"props\":{\"core-id\":0,\"node-id\":0},\"qom-path\":\"/m\",\"type\":\"x\"}]";
    CLEANUP(inventory_done) struct inventory inventory;
    CLEANUP_JSON json_t *value = json_loads(cpus, 0, NULL);
    struct driver_plug plug = plug_of(BLOCK);
    struct tier_map map = { 0 };
    struct nodes nodes;

    ck_assert_int_eq(decode(real, &inventory), 0);
    ck_assert_int_eq(inventory_absent_cpu_nodes(value, &nodes, NULL), 0);
    ck_assert(!nodes_has(&nodes, 0));
    ck_assert(nodes_has(&nodes, 1) && nodes_has(&nodes, 3) && nodes_has(&nodes, 5));
    /* 1 has a virtio-mem device, 3 a dimm. */
    ck_assert_int_eq(inventory_dimm_node(&inventory, &nodes, &plug), 5);
    nodes_remove(&nodes, 5);
    ck_assert_int_eq(inventory_dimm_node(&inventory, &nodes, &plug), -1);
    nodes_add(&nodes, 7);
    nodes_add(&nodes, 9);
    ck_assert_int_eq(tier_map_add(&map, "fast=9", NULL), 0);
    plug.map = &map;
    ck_assert_int_eq(inventory_dimm_node(&inventory, &nodes, &plug), 7);
    plug.tier.kind = TIER_FAST;
    ck_assert_int_eq(inventory_dimm_node(&inventory, &nodes, &plug), 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/inventory");
    TCase *tcase = tcase_create("inventory");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, what_a_real_qemu_says_is_read);
    tcase_add_loop_test(tcase, what_breaks_qemu_s_schema_is_refused, 0, 8);
    tcase_add_test(tcase, the_smallest_free_device_that_fits_is_chosen);
    tcase_add_test(tcase, what_fits_nowhere_says_how_much_there_is);
    tcase_add_test(tcase, a_zone_gets_no_node_where_memory_is);
    tcase_add_test(tcase, a_device_that_does_not_begin_at_a_block_is_left_alone);
    tcase_add_test(tcase, sizes_are_rounded_to_what_guest_and_device_can_do);
    tcase_add_test(tcase, the_tier_goes_before_the_size_unless_any_will_do);
    tcase_add_test(tcase, a_range_belongs_to_the_device_that_has_all_of_it);
    tcase_add_test(tcase, a_range_of_memory_that_is_not_ours_is_unknown);
    tcase_add_test(tcase, only_names_we_would_give_are_ours);
    tcase_add_test(tcase, memory_objects_have_a_new_name_each_time);
    tcase_add_test(tcase, dimms_go_to_nodes_with_absent_cpus_only);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
