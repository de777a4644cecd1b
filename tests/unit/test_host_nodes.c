/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/host/nodes.h"
#include "proto/fields.h"

START_TEST(a_list_of_numbers_and_ranges_is_read)
{
    struct nodes nodes;

    ck_assert_int_eq(nodes_parse("0,3-5,63-64,1023", &nodes, NULL), 0);
    for (int node = 0; node < NODES_MAX; node++)
        ck_assert_int_eq(nodes_has(&nodes, node),
                         node == 0 || (node >= 3 && node <= 5) || node == 63 || node == 64 || node == 1023);
}
END_TEST

START_TEST(what_is_no_list_is_refused_and_changes_nothing)
{
    static const char *const wrong[] = { "",       ",",   "1,",    "1,,2", "-1",
                                         "3-",     "5-3", "1-2-3", " 1",   "1 ",
                                         "+1",     "0x1", "a",     "1024", "99999999999999999999",
                                         "0-1024", "1;2" };

    for (size_t i = 0; i < ELEMENTS(wrong); i++) {
        struct nodes nodes = { 0 };
        struct reason reason = { 0 };

        ck_assert_msg(nodes_parse(wrong[i], &nodes, &reason) == -EINVAL, "'%s' was read", wrong[i]);
        ck_assert_msg(reason.text[0] != '\0', "'%s' has no reason", wrong[i]);
        ck_assert(nodes_empty(&nodes));
    }
}
END_TEST

START_TEST(nodes_that_cannot_be_are_in_no_set)
{
    struct nodes nodes = { 0 };

    nodes_add(&nodes, -1);
    nodes_add(&nodes, NODES_MAX);
    ck_assert(nodes_empty(&nodes));
    ck_assert(!nodes_has(&nodes, -1) && !nodes_has(&nodes, NODES_MAX));
    nodes_add(&nodes, 70);
    nodes_remove(&nodes, -1);
    nodes_remove(&nodes, 6);
    ck_assert(nodes_has(&nodes, 70) && !nodes_empty(&nodes));
    nodes_remove(&nodes, 70);
    ck_assert(nodes_empty(&nodes));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/nodes");
    TCase *tcase = tcase_create("nodes");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, a_list_of_numbers_and_ranges_is_read);
    tcase_add_test(tcase, what_is_no_list_is_refused_and_changes_nothing);
    tcase_add_test(tcase, nodes_that_cannot_be_are_in_no_set);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
