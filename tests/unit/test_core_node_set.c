/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include "core/node_set.h"

static struct node_set parsed(const char *text)
{
    struct node_set set;

    ck_assert_msg(node_set_parse(text, &set) == 0, "\"%s\" was refused", text);
    return set;
}

static void assert_round_trip(const char *text, const char *canonical)
{
    char buffer[NODE_SET_TEXT_MAX];
    struct node_set set = parsed(text);

    ck_assert_int_eq(node_set_format(&set, buffer, sizeof(buffer)), (int)strlen(canonical));
    ck_assert_str_eq(buffer, canonical);
}

START_TEST(kernel_lists_are_read_and_written)
{
    assert_round_trip("", "");
    assert_round_trip("\n", "");
    assert_round_trip("0", "0");
    assert_round_trip("0,2-3\n", "0,2-3");
    assert_round_trip("3,2,0", "0,2-3");
    assert_round_trip("0-1,1-2", "0-2");
    assert_round_trip("5-5", "5");
    assert_round_trip("62-65,1023", "62-65,1023");
    assert_round_trip("0-1023", "0-1023");
    assert_round_trip("007", "7");
}
END_TEST

START_TEST(anything_else_is_refused_and_leaves_the_result_alone)
{
    static const char *const bad[] = { ",",  "0,",  ",0", "0,,1",  "1-",   "-1",    "2-1",  "0 ",
                                       " 0", "0x1", "a",  "0\n\n", "0\n1", "1-2-3", "0,\n", "+1" };
    struct node_set set = parsed("7");

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(node_set_parse(bad[i], &set) == -EINVAL, "\"%s\" was taken", bad[i]);
    ck_assert_int_eq(node_set_parse("1024", &set), -ERANGE);
    ck_assert_int_eq(node_set_parse("0-99999999999999999999", &set), -ERANGE);
    ck_assert_uint_eq(node_set_count(&set), 1);
    ck_assert(node_set_has(&set, NODE(7)));
}
END_TEST

START_TEST(members_are_added_removed_and_walked_in_order)
{
    struct node_set set = { 0 };
    static const int32_t members[] = { 0, 63, 64, 500, 1023 };
    size_t i = 0;

    ck_assert_int_eq(node_set_next(&set, 0).n, -1);
    for (size_t j = 5; j-- > 0;)
        node_set_add(&set, NODE(members[j]));
    for (czone_node_id node = node_set_next(&set, 0); node.n >= 0; node = node_set_next(&set, node.n + 1))
        ck_assert_int_eq(node.n, members[i++]);
    ck_assert_uint_eq(i, 5);

    node_set_remove(&set, NODE(64));
    ck_assert(!node_set_has(&set, NODE(64)));
    ck_assert_uint_eq(node_set_count(&set), 4);
    ck_assert(!node_set_has(&set, NODE(-1)));
    ck_assert(!node_set_has(&set, NODE(1024)));
}
END_TEST

START_TEST(index_counts_lower_members)
{
    struct node_set set = parsed("0,2-3,64,1000");

    ck_assert_int_eq(node_set_index(&set, NODE(0)), 0);
    ck_assert_int_eq(node_set_index(&set, NODE(2)), 1);
    ck_assert_int_eq(node_set_index(&set, NODE(3)), 2);
    ck_assert_int_eq(node_set_index(&set, NODE(64)), 3);
    ck_assert_int_eq(node_set_index(&set, NODE(1000)), 4);
    ck_assert_int_eq(node_set_index(&set, NODE(1)), -ENOENT);
    ck_assert_int_eq(node_set_index(&set, NODE(5000)), -ENOENT);
}
END_TEST

START_TEST(the_longest_list_fits_and_a_short_buffer_is_told)
{
    char buffer[NODE_SET_TEXT_MAX];
    struct node_set set = { 0 };

    for (int32_t n = 0; n < NODE_MAX; n++)
        if (n % 3 != 2)
            node_set_add(&set, NODE(n));
    int length = node_set_format(&set, buffer, sizeof(buffer));
    ck_assert_int_gt(length, 0);
    struct node_set again = parsed(buffer);
    ck_assert(node_set_equal(&set, &again));

    for (int size = 0; size <= length; size++)
        ck_assert_int_eq(node_set_format(&set, buffer, (size_t)size), -ENOBUFS);
    ck_assert_int_eq(node_set_format(&set, buffer, (size_t)length + 1), length);
}
END_TEST

START_TEST(random_sets_survive_a_round_trip)
{
    uint64_t random = random_seed();

    for (int round = 0; round < 500; round++) {
        char buffer[NODE_SET_TEXT_MAX];
        struct node_set set = { 0 };
        uint64_t density = 1 + random_below(&random, 100);
        for (int32_t n = 0; n < NODE_MAX; n++)
            if (random_below(&random, 100) < density)
                node_set_add(&set, NODE(n));
        ck_assert_int_ge(node_set_format(&set, buffer, sizeof(buffer)), 0);
        struct node_set again = parsed(buffer);
        ck_assert(node_set_equal(&set, &again));
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("node_set");

    tcase_add_test(tests, kernel_lists_are_read_and_written);
    tcase_add_test(tests, anything_else_is_refused_and_leaves_the_result_alone);
    tcase_add_test(tests, members_are_added_removed_and_walked_in_order);
    tcase_add_test(tests, index_counts_lower_members);
    tcase_add_test(tests, the_longest_list_fits_and_a_short_buffer_is_told);
    tcase_add_test(tests, random_sets_survive_a_round_trip);
    return core_test_main(tests, "core_node_set");
}
