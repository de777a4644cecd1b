/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/receipt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/fields.h"

void receipts_init(struct receipts *receipts, size_t limit)
{
    *receipts = (struct receipts){ .limit = limit };
    TAILQ_INIT(&receipts->entries);
}

static void drop_first(struct receipts *receipts)
{
    struct receipt_entry *entry = TAILQ_FIRST(&receipts->entries);

    TAILQ_REMOVE(&receipts->entries, entry, link);
    receipts->n_entries--;
    receipt_done(&entry->receipt);
    free(entry);
}

void receipts_done(struct receipts *receipts)
{
    while (!TAILQ_EMPTY(&receipts->entries))
        drop_first(receipts);
}

/* A point in time into a duration; at least 1, so that it is not taken for "did not come". */
static uint64_t since(uint64_t point, uint64_t start)
{
    if (point == 0)
        return 0;
    return point > start ? point - start : 1;
}

/* Moves a receipt to the end. Returns it, or NULL without memory. */
static struct receipt *append(struct receipts *receipts, struct receipt *receipt)
{
    struct receipt_entry *entry = malloc(sizeof(*entry));

    if (entry == NULL) {
        receipt_done(receipt);
        return NULL;
    }
    entry->receipt = *receipt;
    receipt->leftovers = NULL;
    receipt_done(receipt);
    TAILQ_INSERT_TAIL(&receipts->entries, entry, link);
    if (++receipts->n_entries > receipts->limit)
        drop_first(receipts);
    return &entry->receipt;
}

const struct receipt *receipts_add(struct receipts *receipts, struct receipt *receipt, uint64_t exited_at)
{
    receipt->sequence = ++receipts->last_sequence;
    receipt->emptied_ns = since(receipt->emptied_ns, exited_at);
    receipt->offline_ns = since(receipt->offline_ns, exited_at);
    receipt->confirmed_ns = since(receipt->confirmed_ns, exited_at);
    return append(receipts, receipt);
}

void receipts_restore(struct receipts *receipts, struct receipt *receipt)
{
    if (receipt->sequence <= receipts->last_sequence) {
        receipt_done(receipt);
        return;
    }
    receipts->last_sequence = receipt->sequence;
    (void)append(receipts, receipt);
}

const struct receipt *receipts_after(const struct receipts *receipts, uint64_t sequence)
{
    const struct receipt_entry *entry;

    TAILQ_FOREACH(entry, &receipts->entries, link)
        if (entry->receipt.sequence > sequence)
            return &entry->receipt;
    return NULL;
}

static json_t *leftovers_to_json(const struct receipt *receipt)
{
    CLEANUP_JSON json_t *list = json_array();
    size_t n = receipt->n_leftovers < RECEIPT_LEFTOVERS_MAX ? receipt->n_leftovers : RECEIPT_LEFTOVERS_MAX;

    for (size_t i = 0; i < n; i++) {
        const struct czone_leftover *leftover = &receipt->leftovers[i];

        if (json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "kind",
                                                  czone_leftover_kind_name(leftover->kind), "owner",
                                                  leftover->owner, "bytes", (json_int_t)leftover->bytes)) < 0)
            return NULL;
    }
    return TAKE(list);
}

json_t *receipt_to_json(const struct receipt *receipt)
{
    CLEANUP_JSON json_t *object = NULL;

    object = json_pack("{s:I, s:s, s:s, s:i, s:I, s:I, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:o}", "sequence",
                       (json_int_t)receipt->sequence, "container", receipt->container, "zone", receipt->zone,
                       "node", (int)receipt->node.n, "start", (json_int_t)receipt->range.start, "size",
                       (json_int_t)receipt->range.size, "outcome", receipt->outcome, "host_bytes",
                       (json_int_t)receipt->host_bytes, "host_device", receipt->host_device, "exit_time",
                       (json_int_t)receipt->exit_time, "emptied_ns", (json_int_t)receipt->emptied_ns,
                       "offline_ns", (json_int_t)receipt->offline_ns, "migrated_pages",
                       (json_int_t)receipt->migrated_pages, "leftovers", leftovers_to_json(receipt));
    if (object == NULL)
        return NULL;
    if (receipt->confirmed_ns != 0 &&
        json_object_set_new(object, "confirmed_ns", json_integer((json_int_t)receipt->confirmed_ns)) < 0)
        return NULL;
    if (receipt->message.text[0] != '\0' &&
        json_object_set_new(object, "message", json_string(receipt->message.text)) < 0)
        return NULL;
    return TAKE(object);
}

struct saved_leftover {
    const char *kind, *owner;
    int64_t bytes;
};

static const struct varlink_field leftover_fields[] = {
    { "kind", VARLINK_STRING, offsetof(struct saved_leftover, kind), VARLINK_REQUIRED, .max = 32 },
    { "owner", VARLINK_STRING, offsetof(struct saved_leftover, owner), VARLINK_REQUIRED, .max = 255 },
    { "bytes", VARLINK_INT, offsetof(struct saved_leftover, bytes), VARLINK_REQUIRED, .max = INT64_MAX },
};

static enum czone_leftover_kind parse_kind(const char *name)
{
    int kind = CZONE_LEFTOVER_ANON;

    while (kind < CZONE_LEFTOVER_UNKNOWN &&
           strcmp(czone_leftover_kind_name((enum czone_leftover_kind)kind), name) != 0)
        kind++;
    return (enum czone_leftover_kind)kind;
}

static int leftovers_from_json(json_t *list, struct receipt *receipt)
{
    size_t n = json_array_size(list);

    receipt->leftovers = calloc(n + 1, sizeof(*receipt->leftovers));
    if (receipt->leftovers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct czone_leftover *leftover = &receipt->leftovers[i];
        struct saved_leftover saved = { 0 };

        if (varlink_objects_decode(list, i, "leftovers", leftover_fields, ELEMENTS(leftover_fields), 0,
                                   &saved, NULL) < 0)
            return -EBADMSG;
        leftover->kind = parse_kind(saved.kind);
        leftover->bytes = (uint64_t)saved.bytes;
        (void)snprintf(leftover->owner, sizeof(leftover->owner), "%s", saved.owner);
    }
    receipt->n_leftovers = n;
    return 0;
}

struct saved_receipt {
    const char *container, *zone, *outcome, *host_device, *message;
    int64_t sequence, node, start, size, host_bytes, exit_time, emptied_ns, offline_ns, migrated_pages;
    int64_t confirmed_ns;
    json_t *leftovers;
};

#define TEXT(member, most, flags_)                                                                           \
    VARLINK_FIELD(VARLINK_STRING, struct saved_receipt, member, .flags = (flags_), .max = (most))
#define NUMBER(member, flags_)                                                                               \
    VARLINK_FIELD(VARLINK_INT, struct saved_receipt, member, .flags = (flags_), .max = INT64_MAX)

static const struct varlink_field saved_fields[] = {
    TEXT(container, CZONE_ZONE_NAME_MAX, VARLINK_REQUIRED),
    TEXT(zone, CZONE_ZONE_NAME_MAX, VARLINK_REQUIRED),
    TEXT(outcome, 16, VARLINK_REQUIRED),
    TEXT(host_device, 31, VARLINK_REQUIRED),
    TEXT(message, sizeof(((struct reason *)0)->text) - 1, 0),
    NUMBER(sequence, VARLINK_REQUIRED),
    NUMBER(node, VARLINK_REQUIRED),
    NUMBER(start, VARLINK_REQUIRED),
    NUMBER(size, VARLINK_REQUIRED),
    NUMBER(host_bytes, VARLINK_REQUIRED),
    NUMBER(exit_time, VARLINK_REQUIRED),
    NUMBER(emptied_ns, VARLINK_REQUIRED),
    NUMBER(offline_ns, VARLINK_REQUIRED),
    NUMBER(migrated_pages, VARLINK_REQUIRED),
    NUMBER(confirmed_ns, 0),
    VARLINK_FIELD(VARLINK_OBJECTS, struct saved_receipt, leftovers, .flags = VARLINK_REQUIRED,
                  .count_max = RECEIPT_LEFTOVERS_MAX),
};

/* The static string of an outcome; NULL: none of ours. */
static const char *known_outcome(const char *text)
{
    static const char *const outcomes[] = { OUTCOME_RETURNED, OUTCOME_OFFLINE, OUTCOME_QUARANTINED,
                                            OUTCOME_PARTIAL, OUTCOME_UNCONFIRMED };

    for (size_t i = 0; i < ELEMENTS(outcomes); i++)
        if (strcmp(outcomes[i], text) == 0)
            return outcomes[i];
    return NULL;
}

int receipt_from_json(json_t *object, struct receipt *ret_receipt)
{
    struct saved_receipt saved = { .message = "" };
    struct receipt receipt = { .node = CZONE_NODE_NONE };
    int r;

    if (varlink_fields_decode(object, saved_fields, ELEMENTS(saved_fields), VARLINK_IGNORE_UNKNOWN, &saved,
                              NULL) < 0 ||
        known_outcome(saved.outcome) == NULL)
        return -EBADMSG;
    receipt.sequence = (uint64_t)saved.sequence;
    (void)snprintf(receipt.container, sizeof(receipt.container), "%s", saved.container);
    (void)snprintf(receipt.zone, sizeof(receipt.zone), "%s", saved.zone);
    receipt.node.n = (int32_t)saved.node;
    receipt.range = (struct czone_range){ (uint64_t)saved.start, (uint64_t)saved.size };
    receipt.outcome = known_outcome(saved.outcome);
    receipt.host_bytes = (uint64_t)saved.host_bytes;
    (void)snprintf(receipt.host_device, sizeof(receipt.host_device), "%s", saved.host_device);
    receipt.exit_time = saved.exit_time;
    receipt.emptied_ns = (uint64_t)saved.emptied_ns;
    receipt.offline_ns = (uint64_t)saved.offline_ns;
    receipt.confirmed_ns = (uint64_t)saved.confirmed_ns;
    receipt.migrated_pages = (uint64_t)saved.migrated_pages;
    reason_set(&receipt.message, "%s", saved.message);
    r = leftovers_from_json(saved.leftovers, &receipt);
    if (r < 0) {
        receipt_done(&receipt);
        return r;
    }
    *ret_receipt = receipt;
    return 0;
}

void receipt_done(struct receipt *receipt)
{
    free(receipt->leftovers);
    *receipt = (struct receipt){ .node = CZONE_NODE_NONE };
}
