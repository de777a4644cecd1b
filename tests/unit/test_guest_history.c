/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/history.h"
#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_test.h"

#define BOOT "00000000-0000-4000-8000-000000000000"

static char root[64];
static struct history history;
static struct key_store keys;
static struct receipts receipts;

static void start(const char *boot_id)
{
    key_store_init(&keys, KEY_STORE_ENTRIES_MAX, KEY_STORE_BYTES_MAX);
    receipts_init(&receipts, RECEIPTS_LIMIT);
    ck_assert_int_eq(history_open(&history, root, boot_id, &keys, &receipts), 0);
}

static void stop(void)
{
    history_close(&history);
    key_store_done(&keys);
    receipts_done(&receipts);
}

static void set_up(void)
{
    log_set_level(LOG_EMERG);
    (void)snprintf(root, sizeof(root), "/tmp/czone-history-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    start(BOOT);
}

static void tear_down(void)
{
    stop();
    ck_assert_int_eq(run_dir_remove(AT_FDCWD, root), 0);
}

static void add_key(const char *key, const char *answer)
{
    const struct fingerprint fingerprint = { { 0x0123456789abcdef, 7 } };
    json_t *value = json_pack("{s:s}", "answer", answer);

    ck_assert_int_eq(history_add_key(&history, key, &fingerprint, value), 0);
    json_decref(value);
}

static void expect_key(const char *key, const char *answer)
{
    const struct fingerprint fingerprint = { { 0x0123456789abcdef, 7 } }, other = { { 1, 7 } };
    json_t *value = NULL;

    ck_assert_int_eq(key_store_get(&keys, key, &other, &value), -EEXIST);
    ck_assert_int_eq(key_store_get(&keys, key, &fingerprint, &value), 1);
    ck_assert_str_eq(json_string_value(json_object_get(value, "answer")), answer);
    json_decref(value);
}

static struct receipt make_receipt(void)
{
    struct receipt receipt = { .node = { 3 },
                               .range = { UINT64_C(0x100000000), UINT64_C(0x10000000) },
                               .outcome = OUTCOME_PARTIAL,
                               .host_bytes = 4096,
                               .exit_time = 77,
                               .emptied_ns = 150,
                               .offline_ns = 250,
                               .migrated_pages = 5 };

    (void)snprintf(receipt.container, sizeof(receipt.container), "web");
    (void)snprintf(receipt.zone, sizeof(receipt.zone), "web.2");
    (void)snprintf(receipt.host_device, sizeof(receipt.host_device), "pc-dimm");
    reason_set(&receipt.message, "the host took a part");
    receipt.leftovers = calloc(1, sizeof(*receipt.leftovers));
    receipt.n_leftovers = 1;
    receipt.leftovers[0].kind = CZONE_LEFTOVER_SHMEM;
    receipt.leftovers[0].bytes = 12;
    (void)snprintf(receipt.leftovers[0].owner, sizeof(receipt.leftovers[0].owner), "a/b");
    return receipt;
}

START_TEST(keys_are_known_after_a_restart_with_their_requests_and_answers)
{
    add_key("one", "first");
    add_key("two", "second");
    stop();
    start(BOOT);
    expect_key("one", "first");
    expect_key("two", "second");
}
END_TEST

START_TEST(receipts_are_the_same_after_a_restart_and_their_numbers_go_on)
{
    struct receipt receipt = make_receipt();
    const struct receipt *kept = receipts_add(&receipts, &receipt, 100);
    json_t *before = receipt_to_json(kept), *after;

    history_add_receipt(&history, kept);
    stop();
    start(BOOT);
    kept = receipts_after(&receipts, 0);
    ck_assert_ptr_nonnull(kept);
    after = receipt_to_json(kept);
    ck_assert(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    receipt = make_receipt();
    ck_assert_uint_eq(receipts_add(&receipts, &receipt, 100)->sequence, 2);
}
END_TEST

START_TEST(what_an_earlier_boot_left_is_dropped)
{
    add_key("one", "first");
    stop();
    start("11111111-0000-4000-8000-000000000000");
    ck_assert(!key_store_has(&keys, "one"));
    add_key("one", "again");
    stop();
    start("11111111-0000-4000-8000-000000000000");
    expect_key("one", "again");
}
END_TEST

START_TEST(journals_stay_in_bounds_and_keep_what_the_store_keeps)
{
    char key[16], answer[4097];

    memset(answer, 'a', sizeof(answer) - 1);
    answer[sizeof(answer) - 1] = '\0';
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        add_key(key, answer);
        ck_assert_uint_le(history.key_journal.size, 2 * KEY_STORE_BYTES_MAX + 8192);
    }
    stop();
    start(BOOT);
    expect_key("k2999", answer);
}
END_TEST

START_TEST(lines_that_are_none_of_ours_are_passed_over)
{
    static const char garbage[] =
        "{\"key\": 5}\n[]\nnonsense\n{\"key\": \"k\", \"fingerprint\": \"xyz\", \"answer\": {}}\n";
    int fd;

    add_key("one", "first");
    fd = history.key_journal.fd;
    ck_assert_int_eq(write(fd, garbage, sizeof(garbage) - 1), (ssize_t)sizeof(garbage) - 1);
    stop();
    start(BOOT);
    expect_key("one", "first");
    ck_assert(!key_store_has(&keys, "k"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("history");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, keys_are_known_after_a_restart_with_their_requests_and_answers);
    tcase_add_test(tests, receipts_are_the_same_after_a_restart_and_their_numbers_go_on);
    tcase_add_test(tests, what_an_earlier_boot_left_is_dropped);
    tcase_add_test(tests, journals_stay_in_bounds_and_keep_what_the_store_keeps);
    tcase_add_test(tests, lines_that_are_none_of_ours_are_passed_over);
    return guest_test_main(tests, "guest_history");
}
