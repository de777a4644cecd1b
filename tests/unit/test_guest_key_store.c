/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/key_store.h"
#include "tests/unit/guest_test.h"

static struct key_store store;

static void set_up(void)
{
    key_store_init(&store, 4, 4096);
}

static void tear_down(void)
{
    key_store_done(&store);
}

static void put(const char *key, uint64_t print, const char *answer)
{
    struct fingerprint fingerprint = { { print, 0 } };
    json_t *value = json_pack("{s:s}", "answer", answer);

    ck_assert_int_eq(key_store_put(&store, key, &fingerprint, value), 0);
    json_decref(value);
}

static int get(const char *key, uint64_t print, char *answer, size_t size)
{
    struct fingerprint fingerprint = { { print, 0 } };
    json_t *value = NULL;
    int r = key_store_get(&store, key, &fingerprint, &value);

    if (r == 1) {
        (void)snprintf(answer, size, "%s", json_string_value(json_object_get(value, "answer")));
        json_decref(value);
    }
    return r;
}

START_TEST(a_repeat_gets_the_first_answer_again_and_again)
{
    char answer[16];

    put("k", 1, "first");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(get("k", 1, answer, sizeof(answer)), 1);
        ck_assert_str_eq(answer, "first");
    }
}
END_TEST

START_TEST(a_key_with_other_arguments_is_refused)
{
    char answer[16];

    put("k", 1, "first");
    ck_assert_int_eq(get("k", 2, answer, sizeof(answer)), -EEXIST);
}
END_TEST

START_TEST(a_key_that_never_came_is_not_known)
{
    char answer[16];

    ck_assert_int_eq(get("k", 1, answer, sizeof(answer)), 0);
}
END_TEST

START_TEST(the_oldest_goes_when_there_are_too_many)
{
    char key[8], answer[16];

    for (int i = 0; i < 6; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        put(key, 1, "x");
    }
    ck_assert_uint_eq(store.n_entries, 4);
    ck_assert_int_eq(get("k1", 1, answer, sizeof(answer)), 0);
    ck_assert_int_eq(get("k2", 1, answer, sizeof(answer)), 1);
}
END_TEST

START_TEST(the_oldest_goes_when_there_are_too_many_bytes)
{
    char large[3000], answer[16];

    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    put("a", 1, large);
    put("b", 1, large);
    ck_assert_uint_eq(store.n_entries, 1);
    ck_assert_uint_le(store.bytes, 4096);
    ck_assert_int_eq(get("a", 1, answer, sizeof(answer)), 0);
}
END_TEST

START_TEST(an_answer_too_big_for_the_store_is_not_kept)
{
    char huge[8000], answer[16];

    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    put("a", 1, huge);
    ck_assert_uint_eq(store.n_entries, 0);
    ck_assert_uint_eq(store.bytes, 0);
    ck_assert_int_eq(get("a", 1, answer, sizeof(answer)), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("key_store");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_repeat_gets_the_first_answer_again_and_again);
    tcase_add_test(tests, a_key_with_other_arguments_is_refused);
    tcase_add_test(tests, a_key_that_never_came_is_not_known);
    tcase_add_test(tests, the_oldest_goes_when_there_are_too_many);
    tcase_add_test(tests, the_oldest_goes_when_there_are_too_many_bytes);
    tcase_add_test(tests, an_answer_too_big_for_the_store_is_not_kept);
    return guest_test_main(tests, "guest_key_store");
}
