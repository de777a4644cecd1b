/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include <limits.h>

#include <czone/failure.h>
#include <czone/release.h>
#include <czone/zone.h>

#include "core/failure_set.h"
#include "core/name.h"

START_TEST(every_enum_value_has_a_name_of_its_own)
{
    for (int i = 1; i <= CZONE_PROVIDER_DAX; i++)
        ck_assert_str_ne(czone_provider_name(i), "unknown");
    for (int i = 0; i <= CZONE_BLOCK_GOING_OFFLINE; i++)
        ck_assert_str_ne(czone_block_state_name(i), "unknown");
    for (int i = 0; i <= CZONE_ZONE_QUARANTINED; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(czone_zone_state_name(i), czone_zone_state_name(j));
    for (int i = 0; i <= CZONE_STAGE_OFFLINE; i++)
        ck_assert_str_ne(czone_stage_name(i), "unknown");
    for (int i = 0; i <= CZONE_NODE_UNFIT; i++)
        ck_assert_str_ne(czone_node_role_name(i), "unknown");
    for (int i = 0; i < CZONE_LEFTOVER_UNKNOWN; i++)
        ck_assert_str_ne(czone_leftover_kind_name(i), "unknown");
}
END_TEST

START_TEST(names_are_those_of_the_documentation)
{
    ck_assert_str_eq(czone_provider_name(CZONE_PROVIDER_VIRTIO_MEM), "virtio-mem");
    ck_assert_str_eq(czone_block_state_name(CZONE_BLOCK_MOVABLE), "movable");
    ck_assert_str_eq(czone_zone_state_name(CZONE_ZONE_BOUND), "bound");
    ck_assert_str_eq(czone_stage_name(CZONE_STAGE_PLACE), "place");
    ck_assert_str_eq(czone_node_role_name(CZONE_NODE_FREE), "free");
    ck_assert_str_eq(czone_leftover_kind_name(CZONE_LEFTOVER_ANON), "anon");
}
END_TEST

START_TEST(values_out_of_range_are_named_unknown)
{
    ck_assert_str_eq(czone_provider_name((enum czone_provider)99), "unknown");
    ck_assert_str_eq(czone_block_state_name((enum czone_block_state) - 1), "unknown");
    ck_assert_str_eq(czone_zone_state_name((enum czone_zone_state)8), "unknown");
    ck_assert_str_eq(czone_stage_name((enum czone_stage)1000), "unknown");
    ck_assert_str_eq(czone_node_role_name((enum czone_node_role)5), "unknown");
    ck_assert_str_eq(czone_leftover_kind_name((enum czone_leftover_kind)77), "unknown");
}
END_TEST

static void assert_choice(const char *text, enum czone_tier_preference preference, int tier)
{
    struct czone_tier_choice choice;

    ck_assert_msg(czone_tier_choice_parse(text, &choice) == 0, "\"%s\" was refused", text);
    ck_assert_int_eq(choice.preference, preference);
    ck_assert_int_eq(choice.tier, tier);
}

START_TEST(tier_choice_takes_words_and_numbers)
{
    assert_choice("any", CZONE_TIER_ANY, 0);
    assert_choice("fast", CZONE_TIER_FAST, 0);
    assert_choice("slow", CZONE_TIER_SLOW, 0);
    assert_choice("4", CZONE_TIER_NAMED, 4);
    assert_choice("memory_tier4", CZONE_TIER_NAMED, 4);
    assert_choice("memory_tier0", CZONE_TIER_NAMED, 0);
    assert_choice("2147483639", CZONE_TIER_NAMED, 2147483639);
}
END_TEST

START_TEST(tier_choice_refuses_anything_else_and_leaves_the_result_alone)
{
    static const char *const bad[] = { "",
                                       "Any",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "0x1",
                                       "1.5",
                                       "fast ",
                                       "tier",
                                       "memory_tier",
                                       "memory_tier-1",
                                       "1a",
                                       "\n",
                                       "memory_tier 1",
                                       "memory_tier1/",
                                       "4294967297",
                                       "2147483648",
                                       "99999999999999999999" };
    struct czone_tier_choice choice = { .preference = CZONE_TIER_SLOW, .tier = 77 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(czone_tier_choice_parse(bad[i], &choice) == -EINVAL, "\"%s\" was taken", bad[i]);
        ck_assert_int_eq(choice.preference, CZONE_TIER_SLOW);
        ck_assert_int_eq(choice.tier, 77);
    }
    ck_assert_int_eq(czone_tier_choice_parse(NULL, &choice), -EINVAL);
}
END_TEST

START_TEST(name_is_one_safe_path_component)
{
    char longest[CZONE_ZONE_NAME_MAX + 2];

    ck_assert(name_is_valid("a"));
    ck_assert(name_is_valid("web-1_b.C"));
    ck_assert(name_is_valid("-x"));

    ck_assert(!name_is_valid(NULL));
    ck_assert(!name_is_valid(""));
    ck_assert(!name_is_valid("."));
    ck_assert(!name_is_valid(".."));
    ck_assert(!name_is_valid(".hidden"));
    ck_assert(!name_is_valid("a/b"));
    ck_assert(!name_is_valid("a b"));
    ck_assert(!name_is_valid("a\n"));
    ck_assert(!name_is_valid("\xC3\xA4"));

    memset(longest, 'x', sizeof(longest));
    longest[CZONE_ZONE_NAME_MAX + 1] = '\0';
    ck_assert(!name_is_valid(longest));
    longest[CZONE_ZONE_NAME_MAX] = '\0';
    ck_assert(name_is_valid(longest));
}
END_TEST

START_TEST(failure_is_filled_in_whole)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;

    ck_assert_int_eq(
        failure_set_block(&failure, -EBUSY, CZONE_STAGE_OFFLINE, NODE(3), BLOCK(7), "block %d", 7), -EBUSY);
    ck_assert_int_eq(failure.error, -EBUSY);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_OFFLINE);
    ck_assert_int_eq(failure.node.n, 3);
    ck_assert(failure.has_block);
    ck_assert_uint_eq(failure.block.n, 7);
    ck_assert_str_eq(failure.message, "block 7");

    /* A second failure leaves nothing of the first behind. */
    failure_set(&failure, -ENOSPC, CZONE_STAGE_PLACE, CZONE_NODE_NONE, "no room");
    ck_assert(!failure.has_block);
    ck_assert_int_eq(failure.node.n, -1);
    ck_assert_str_eq(failure.message, "no room");
}
END_TEST

START_TEST(failure_may_be_null)
{
    ck_assert_int_eq(failure_set(NULL, -ENOSPC, CZONE_STAGE_PLACE, CZONE_NODE_NONE, "no room"), -ENOSPC);
    ck_assert_int_eq(failure_set_block(NULL, -EBUSY, CZONE_STAGE_PLACE, NODE(1), BLOCK(1), "busy"), -EBUSY);
}
END_TEST

/* Every possible place where the end of the message falls inside a character. */
START_TEST(long_message_is_cut_between_characters)
{
    for (size_t n_before = 245; n_before <= 256; n_before++) {
        struct czone_failure failure;
        char text[300];

        memset(text, 'x', n_before);
        snprintf(text + n_before, sizeof(text) - n_before, "%s",
                 "\xF0\x9F\x98\x80\xE2\x82\xAC\xC3\xA4zzzzzzzzzzzz");
        failure_set(&failure, -EIO, CZONE_STAGE_SCAN, CZONE_NODE_NONE, "%s", text);

        size_t length = strlen(failure.message);
        ck_assert_uint_lt(length, sizeof(failure.message));
        ck_assert_uint_ge(length, 252);
        ck_assert_mem_eq(failure.message, text, length);
        /* What was cut off starts with a first byte, not with a continuation. */
        ck_assert_int_ne((unsigned char)text[length] & 0xC0, 0x80);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("types");

    tcase_add_test(tests, every_enum_value_has_a_name_of_its_own);
    tcase_add_test(tests, names_are_those_of_the_documentation);
    tcase_add_test(tests, values_out_of_range_are_named_unknown);
    tcase_add_test(tests, tier_choice_takes_words_and_numbers);
    tcase_add_test(tests, tier_choice_refuses_anything_else_and_leaves_the_result_alone);
    tcase_add_test(tests, name_is_one_safe_path_component);
    tcase_add_test(tests, failure_is_filled_in_whole);
    tcase_add_test(tests, failure_may_be_null);
    tcase_add_test(tests, long_message_is_cut_between_characters);
    return core_test_main(tests, "core_types");
}
