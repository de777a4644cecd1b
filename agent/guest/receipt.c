/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/receipt.h"

#include <stdlib.h>

#include "proto/cleanup.h"

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

const struct receipt *receipts_add(struct receipts *receipts, struct receipt *receipt, uint64_t exited_at)
{
    struct receipt_entry *entry = malloc(sizeof(*entry));

    receipts->last_sequence++;
    if (entry == NULL) {
        receipt_done(receipt);
        return NULL;
    }
    entry->receipt = *receipt;
    receipt->leftovers = NULL;
    receipt_done(receipt);
    entry->receipt.sequence = receipts->last_sequence;
    entry->receipt.emptied_ns = since(entry->receipt.emptied_ns, exited_at);
    entry->receipt.offline_ns = since(entry->receipt.offline_ns, exited_at);
    entry->receipt.confirmed_ns = since(entry->receipt.confirmed_ns, exited_at);
    TAILQ_INSERT_TAIL(&receipts->entries, entry, link);
    if (++receipts->n_entries > receipts->limit)
        drop_first(receipts);
    return &entry->receipt;
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

void receipt_done(struct receipt *receipt)
{
    free(receipt->leftovers);
    *receipt = (struct receipt){ .node = CZONE_NODE_NONE };
}
