/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/history.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

/* Beyond these a journal is written anew: twice what its entries take at most. */
#define KEY_JOURNAL_MAX     (2 * (uint64_t)KEY_STORE_BYTES_MAX)
#define RECEIPT_JOURNAL_MAX ((uint64_t)1 << 20)

/* The first line of a journal: of which boot it is. */
struct reading {
    struct history *history;
    const char *boot_id;
    bool current;
};

static bool is_header(struct reading *reading, json_t *entry)
{
    const char *boot = json_string_value(json_object_get(entry, "boot"));

    if (boot != NULL)
        reading->current = strcmp(boot, reading->boot_id) == 0;
    return boot != NULL || !reading->current;
}

struct saved_key {
    const char *key, *fingerprint;
    json_t *answer;
};

static const struct varlink_field key_fields[] = {
    VARLINK_FIELD(VARLINK_STRING, struct saved_key, key, .flags = VARLINK_REQUIRED, .min = 1, .max = 128),
    VARLINK_FIELD(VARLINK_STRING, struct saved_key, fingerprint, .flags = VARLINK_REQUIRED, .max = 32),
    VARLINK_FIELD(VARLINK_OBJECT, struct saved_key, answer, .flags = VARLINK_REQUIRED),
};

static void take_key(void *data, json_t *entry)
{
    struct reading *reading = data;
    struct fingerprint fingerprint;
    struct saved_key saved = { 0 };

    if (is_header(reading, entry))
        return;
    if (varlink_fields_decode(entry, key_fields, ELEMENTS(key_fields), 0, &saved, NULL) < 0 ||
        fingerprint_parse(saved.fingerprint, &fingerprint) < 0 ||
        key_store_has(reading->history->keys, saved.key)) {
        log_warning("a key of an earlier czoned is not readable");
        return;
    }
    if (key_store_put(reading->history->keys, saved.key, &fingerprint, saved.answer) < 0)
        log_warning("a key of an earlier czoned is not known any more: out of memory");
}

static void take_receipt(void *data, json_t *entry)
{
    struct reading *reading = data;
    struct receipt receipt;

    if (is_header(reading, entry))
        return;
    if (receipt_from_json(entry, &receipt) < 0)
        log_warning("a receipt of an earlier czoned is not readable");
    else
        receipts_restore(reading->history->receipts, &receipt);
}

static int open_journal(struct reading *reading, struct journal *journal, const char *run_dir,
                        const char *name, void (*take)(void *data, json_t *entry))
{
    int r;

    reading->current = false;
    r = journal_open(journal, run_dir, name);
    if (r == 0)
        r = journal_each(journal, take, reading);
    /* Of an earlier boot, or new. */
    if (r == 0 && !reading->current)
        r = journal_replace(journal, json_pack("[{s:s}]", "boot", reading->boot_id));
    return r;
}

int history_open(struct history *history, const char *run_dir, const char *boot_id, struct key_store *keys,
                 struct receipts *receipts)
{
    struct reading reading = { .history = history, .boot_id = boot_id };
    int r;

    *history = (struct history)HISTORY_INIT;
    history->keys = keys;
    history->receipts = receipts;
    (void)snprintf(history->boot_id, sizeof(history->boot_id), "%s", boot_id);
    r = open_journal(&reading, &history->key_journal, run_dir, "keys", take_key);
    if (r == 0)
        r = open_journal(&reading, &history->receipt_journal, run_dir, "receipts", take_receipt);
    return r;
}

void history_close(struct history *history)
{
    journal_close(&history->key_journal);
    journal_close(&history->receipt_journal);
}

static json_t *key_to_json(const char *key, const struct fingerprint *fingerprint, const json_t *answer)
{
    char text[33];

    fingerprint_format(fingerprint, text);
    return json_pack("{s:s, s:s, s:O}", "key", key, "fingerprint", text, "answer", answer);
}

static json_t *all_keys(const struct history *history)
{
    CLEANUP_JSON json_t *list = json_pack("[{s:s}]", "boot", history->boot_id);
    const struct key_entry *entry;

    TAILQ_FOREACH(entry, &history->keys->entries, link) {
        CLEANUP_JSON json_t *answer = json_loads(entry->answer, JSON_REJECT_DUPLICATES, NULL);

        if (json_array_append_new(list, key_to_json(entry->key, &entry->fingerprint, answer)) < 0)
            return NULL;
    }
    return TAKE(list);
}

static json_t *all_receipts(const struct history *history)
{
    CLEANUP_JSON json_t *list = json_pack("[{s:s}]", "boot", history->boot_id);
    const struct receipt_entry *entry;

    TAILQ_FOREACH(entry, &history->receipts->entries, link)
        if (json_array_append_new(list, receipt_to_json(&entry->receipt)) < 0)
            return NULL;
    return TAKE(list);
}

int history_add_key(struct history *history, const char *key, const struct fingerprint *fingerprint,
                    const json_t *answer)
{
    int r;

    r = key_store_put(history->keys, key, fingerprint, answer);
    if (r < 0)
        return r;
    r = journal_append(&history->key_journal, key_to_json(key, fingerprint, answer));
    if (r == 0 && history->key_journal.size > KEY_JOURNAL_MAX)
        r = journal_replace(&history->key_journal, all_keys(history));
    if (r < 0)
        log_warning("a restart of czoned would forget the key %s: %s", key, strerror(-r));
    return 0;
}

void history_add_receipt(struct history *history, const struct receipt *receipt)
{
    int r;

    r = journal_append(&history->receipt_journal, receipt_to_json(receipt));
    if (r == 0 && history->receipt_journal.size > RECEIPT_JOURNAL_MAX)
        r = journal_replace(&history->receipt_journal, all_receipts(history));
    if (r < 0)
        log_warning("a restart of czoned would forget receipt %llu: %s",
                    (unsigned long long)receipt->sequence, strerror(-r));
}
