/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/tier.h"
#include "proto/fields.h"

static enum tier_rank rank_of(const struct tier_map *map, const char *tier, int node)
{
    struct tier_want want;

    ck_assert_int_eq(tier_parse(tier, &want), 0);
    return tier_rank(map, &want, node);
}

START_TEST(names_of_the_wire_are_read_and_no_others)
{
    static const char *const wrong[] = { "",
                                         "Any",
                                         "fastest",
                                         "memory_tier",
                                         "memory_tier-1",
                                         "memory_tier1x",
                                         "memory_tier99999999999",
                                         "-1",
                                         " any",
                                         "memory_tier 4" };
    struct tier_want want;

    ck_assert_int_eq(tier_parse("any", &want), 0);
    ck_assert_int_eq(want.kind, TIER_ANY);
    ck_assert_int_eq(tier_parse("memory_tier22", &want), 0);
    ck_assert_int_eq(want.kind, TIER_NAMED);
    ck_assert_int_eq(want.number, 22);
    ck_assert_int_eq(tier_parse("4", &want), 0);
    ck_assert_int_eq(want.number, 4);
    for (size_t i = 0; i < ELEMENTS(wrong); i++)
        ck_assert_msg(tier_parse(wrong[i], &want) == -EINVAL, "'%s' was read", wrong[i]);
}
END_TEST

START_TEST(without_a_map_every_node_suits_every_tier)
{
    struct tier_map map = { 0 };

    ck_assert_int_eq(rank_of(&map, "any", 1), TIER_RANK_BEST);
    ck_assert_int_eq(rank_of(&map, "fast", 1), TIER_RANK_BEST);
    ck_assert_int_eq(rank_of(&map, "memory_tier4", 1), TIER_RANK_BEST);
}
END_TEST

START_TEST(fast_and_slow_prefer_a_named_tier_insists)
{
    struct tier_map map = { 0 };

    ck_assert_int_eq(tier_map_add(&map, "fast=1,2", NULL), 0);
    ck_assert_int_eq(tier_map_add(&map, "memory_tier7=3", NULL), 0);
    ck_assert_int_eq(rank_of(&map, "fast", 2), TIER_RANK_BEST);
    ck_assert_int_eq(rank_of(&map, "fast", 3), TIER_RANK_SECOND);
    ck_assert_int_eq(rank_of(&map, "memory_tier7", 3), TIER_RANK_BEST);
    ck_assert_int_eq(rank_of(&map, "memory_tier7", 1), TIER_RANK_UNFIT);
    /* Not mapped: no word on it. */
    ck_assert_int_eq(rank_of(&map, "slow", 1), TIER_RANK_BEST);
    ck_assert_int_eq(rank_of(&map, "memory_tier8", 1), TIER_RANK_BEST);
}
END_TEST

START_TEST(any_leaves_fast_memory_to_those_who_ask)
{
    struct tier_map map = { 0 };

    ck_assert_int_eq(tier_map_add(&map, "fast=1", NULL), 0);
    ck_assert_int_eq(rank_of(&map, "any", 1), TIER_RANK_SECOND);
    ck_assert_int_eq(rank_of(&map, "any", 2), TIER_RANK_BEST);
}
END_TEST

START_TEST(a_wrong_mapping_is_refused_with_a_reason)
{
    static const char *const wrong[] = {
        "fast", "=1", "any=1", "quick=1", "fast=", "fast=x", "memory_tiermemory_tiermemory_tiermemory_tier=1"
    };
    struct tier_map map = { 0 };

    for (size_t i = 0; i < ELEMENTS(wrong); i++) {
        struct reason reason = { 0 };

        ck_assert_msg(tier_map_add(&map, wrong[i], &reason) == -EINVAL, "'%s' was read", wrong[i]);
        ck_assert(reason.text[0] != '\0');
    }
    ck_assert_int_eq(tier_map_add(&map, "slow=1", NULL), 0);
    ck_assert_int_eq(tier_map_add(&map, "slow=2", NULL), -EEXIST);
    ck_assert_uint_eq(map.count, 1);
}
END_TEST

START_TEST(the_map_has_an_end)
{
    struct tier_map map = { 0 };
    char text[32];

    for (unsigned int i = 0; i < ELEMENTS(map.entries); i++) {
        (void)snprintf(text, sizeof(text), "memory_tier%u=1", i);
        ck_assert_int_eq(tier_map_add(&map, text, NULL), 0);
    }
    ck_assert_int_eq(tier_map_add(&map, "fast=1", NULL), -ENOSPC);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/tier");
    TCase *tcase = tcase_create("tier");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, names_of_the_wire_are_read_and_no_others);
    tcase_add_test(tcase, without_a_map_every_node_suits_every_tier);
    tcase_add_test(tcase, fast_and_slow_prefer_a_named_tier_insists);
    tcase_add_test(tcase, any_leaves_fast_memory_to_those_who_ask);
    tcase_add_test(tcase, a_wrong_mapping_is_refused_with_a_reason);
    tcase_add_test(tcase, the_map_has_an_end);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
