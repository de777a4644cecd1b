/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/guest/container/state.h"
#include "tests/unit/guest_test.h"

/*
 *     wanted (-> created) -> starting -> running -> exited -> done
 *        \___________\__________\______-> failed
 */
static const struct {
    enum container_state from, to;
} arrows[] = {
    { CONTAINER_WANTED, CONTAINER_CREATED },  { CONTAINER_CREATED, CONTAINER_STARTING },
    { CONTAINER_CREATED, CONTAINER_FAILED },  { CONTAINER_WANTED, CONTAINER_STARTING },
    { CONTAINER_WANTED, CONTAINER_FAILED },   { CONTAINER_STARTING, CONTAINER_RUNNING },
    { CONTAINER_STARTING, CONTAINER_FAILED }, { CONTAINER_RUNNING, CONTAINER_EXITED },
    { CONTAINER_EXITED, CONTAINER_DONE },
};

START_TEST(every_pair_of_states_is_as_drawn)
{
    for (int from = 0; from < CONTAINER_STATE_MAX; from++)
        for (int to = 0; to < CONTAINER_STATE_MAX; to++) {
            bool drawn = false;

            for (size_t i = 0; i < sizeof(arrows) / sizeof(*arrows); i++)
                drawn = drawn || ((int)arrows[i].from == from && (int)arrows[i].to == to);
            ck_assert_msg(container_state_may_follow(from, to) == drawn, "%s to %s",
                          container_state_name(from), container_state_name(to));
        }
}
END_TEST

START_TEST(only_final_states_lead_nowhere_and_both_have_ended)
{
    for (int state = 0; state < CONTAINER_STATE_MAX; state++) {
        ck_assert_int_eq(container_state_final(state), state == CONTAINER_FAILED || state == CONTAINER_DONE);
        ck_assert_int_eq(container_state_ended(state), state >= CONTAINER_EXITED);
    }
}
END_TEST

START_TEST(names_are_those_of_the_interface)
{
    static const char *const names[] = { "wanted", "created", "starting", "running",
                                         "exited", "failed",  "done" };

    for (int state = 0; state < CONTAINER_STATE_MAX; state++)
        ck_assert_str_eq(container_state_name(state), names[state]);
}
END_TEST

START_TEST(a_value_that_is_no_state_is_unknown_and_leads_nowhere)
{
    ck_assert_str_eq(container_state_name(CONTAINER_STATE_MAX), "unknown");
    ck_assert(!container_state_may_follow(CONTAINER_STATE_MAX, CONTAINER_DONE));
    ck_assert(!container_state_may_follow(CONTAINER_WANTED, (enum container_state) - 1));
    ck_assert(!container_state_ended((enum container_state)99));
    ck_assert_ptr_null(container_state_event((enum container_state)99));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("container_state");

    tcase_add_test(tests, every_pair_of_states_is_as_drawn);
    tcase_add_test(tests, only_final_states_lead_nowhere_and_both_have_ended);
    tcase_add_test(tests, names_are_those_of_the_interface);
    tcase_add_test(tests, a_value_that_is_no_state_is_unknown_and_leads_nowhere);
    return guest_test_main(tests, "guest_container_state");
}
