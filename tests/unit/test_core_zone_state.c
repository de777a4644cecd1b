/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include "core/zone_state.h"

#define N_STATES (CZONE_ZONE_QUARANTINED + 1)

/* The picture of zone_state.h, written once more by hand: a row for each state, a letter for each that may
 * follow. */
static const char *const arrows[N_STATES] = {
    [CZONE_ZONE_WANTED] = "pr", [CZONE_ZONE_PLUGGED] = "ndr",   [CZONE_ZONE_ONLINE] = "bd",
    [CZONE_ZONE_BOUND] = "nd",  [CZONE_ZONE_DRAINING] = "fq",   [CZONE_ZONE_OFFLINE] = "r",
    [CZONE_ZONE_RETURNED] = "", [CZONE_ZONE_QUARANTINED] = "d",
};
static const char letters[] = "wpnbdfrq"; /* in the order of the enum */

START_TEST(every_pair_of_states_is_as_drawn)
{
    for (int from = 0; from < N_STATES; from++)
        for (int to = 0; to < N_STATES; to++) {
            bool expected = strchr(arrows[from], letters[to]) != NULL;
            ck_assert_msg(czone_zone_state_may_follow(from, to) == expected, "%s -> %s should be %s",
                          czone_zone_state_name(from), czone_zone_state_name(to),
                          expected ? "allowed" : "refused");
        }
}
END_TEST

START_TEST(values_that_are_no_state_lead_nowhere)
{
    for (int state = 0; state < N_STATES; state++) {
        ck_assert(!czone_zone_state_may_follow(state, N_STATES));
        ck_assert(!czone_zone_state_may_follow(N_STATES, state));
        ck_assert(!czone_zone_state_may_follow((enum czone_zone_state) - 1, state));
        ck_assert(!czone_zone_state_may_follow(state, (enum czone_zone_state)1000));
    }
    ck_assert(!zone_state_is_valid(N_STATES));
    ck_assert_int_eq(zone_state_blocks_rule(N_STATES), ZONE_BLOCKS_NO_CLAIM);
}
END_TEST

START_TEST(every_state_but_the_last_has_a_way_to_returned)
{
    for (int state = 0; state < N_STATES; state++) {
        bool reached[N_STATES] = { false };

        reached[state] = true;
        for (int step = 0; step < N_STATES; step++)
            for (int from = 0; from < N_STATES; from++)
                for (int to = 0; to < N_STATES; to++)
                    if (reached[from] && czone_zone_state_may_follow(from, to))
                        reached[to] = true;
        ck_assert_msg(reached[CZONE_ZONE_RETURNED], "no way out of %s", czone_zone_state_name(state));
    }
}
END_TEST

START_TEST(states_require_what_their_names_say_of_blocks)
{
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_WANTED), ZONE_BLOCKS_NO_CLAIM);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_PLUGGED), ZONE_BLOCKS_ANY);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_ONLINE), ZONE_BLOCKS_MOVABLE);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_BOUND), ZONE_BLOCKS_MOVABLE);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_DRAINING), ZONE_BLOCKS_ANY);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_OFFLINE), ZONE_BLOCKS_OFF);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_RETURNED), ZONE_BLOCKS_NO_CLAIM);
    ck_assert_int_eq(zone_state_blocks_rule(CZONE_ZONE_QUARANTINED), ZONE_BLOCKS_ANY);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("zone_state");

    tcase_add_test(tests, every_pair_of_states_is_as_drawn);
    tcase_add_test(tests, values_that_are_no_state_lead_nowhere);
    tcase_add_test(tests, every_state_but_the_last_has_a_way_to_returned);
    tcase_add_test(tests, states_require_what_their_names_say_of_blocks);
    return core_test_main(tests, "core_zone_state");
}
