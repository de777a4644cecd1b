/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/receipt.h"

#include <string.h>

#include "agent/ctl/printable.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define RECEIPTS "io.czone.Zone.Receipts"
#define TEXT_MAX 4096

struct wire_receipt {
    struct receipt receipt;
    json_t *leftovers;
};

#define OF(member) offsetof(struct wire_receipt, receipt.member)
#define TEXT(member, need)                                                                                   \
    {                                                                                                        \
#member, VARLINK_STRING, OF(member), need, .max = TEXT_MAX                                           \
    }
#define NUMBER(member, least)                                                                                \
    {                                                                                                        \
#member, VARLINK_INT, OF(member), VARLINK_REQUIRED, .min = (least), .max = INT64_MAX                 \
    }

static const struct varlink_field fields[] = {
    NUMBER(sequence, 0),
    TEXT(container, VARLINK_REQUIRED),
    TEXT(zone, VARLINK_REQUIRED),
    NUMBER(node, -1),
    { "start", VARLINK_INT, OF(start), VARLINK_REQUIRED, .max = INT64_C(1) << 52 },
    { "size", VARLINK_INT, OF(size), VARLINK_REQUIRED, .max = INT64_C(1) << 52 },
    TEXT(outcome, VARLINK_REQUIRED),
    NUMBER(host_bytes, 0),
    TEXT(host_device, VARLINK_REQUIRED),
    NUMBER(exit_time, 0),
    NUMBER(emptied_ns, -1),
    NUMBER(offline_ns, -1),
    { "confirmed_ns", VARLINK_INT, OF(confirmed_ns), 0, .min = -1, .max = INT64_MAX },
    NUMBER(migrated_pages, INT64_MIN),
    { "leftovers", VARLINK_OBJECTS, offsetof(struct wire_receipt, leftovers), VARLINK_REQUIRED,
      .count_max = INT32_MAX },
    TEXT(message, 0),
};

enum exit_code receipt_read(const struct ctl *ctl, json_t *object, struct receipt *ret)
{
    struct wire_receipt wire = { .receipt = { .confirmed_ns = -1 } };
    struct varlink_fault fault = { 0 };
    json_t *leftover;
    size_t i;

    if (varlink_fields_decode(object, fields, ELEMENTS(fields), VARLINK_IGNORE_UNKNOWN, &wire, &fault) < 0)
        return ctl_bad_reply(ctl, RECEIPTS, fault.parameter, fault.reason.text);
    json_array_foreach(wire.leftovers, i, leftover) {
        json_int_t bytes = json_integer_value(json_object_get(leftover, "bytes"));

        if (bytes < 0 || bytes > INT64_MAX - wire.receipt.leftover)
            return ctl_bad_reply(ctl, RECEIPTS, "leftovers", "bytes out of range");
        wire.receipt.leftover += bytes;
    }
    *ret = wire.receipt;
    return EXIT_OK;
}

static unsigned int outcome_paint(const char *outcome)
{
    if (!strcmp(outcome, "returned"))
        return PAINT_GOOD;
    return strcmp(outcome, "quarantined") ? PAINT_BUSY : PAINT_BAD;
}

static const char *span(int64_t ns, char buffer[WHEN_TEXT_MAX])
{
    return ns < 0 ? "-" : when_span(ns, buffer);
}

struct table *receipt_table(void)
{
    static const struct table_column columns[] = {
        { "NO", TABLE_RIGHT },
        { "CONTAINER", TABLE_CUT },
        { "ZONE", TABLE_CUT },
        { "NODE", TABLE_RIGHT },
        { "RANGE", 0 },
        { "SIZE", TABLE_RIGHT },
        { "OUTCOME", 0 },
        { "HOST TOOK", TABLE_RIGHT },
        { "DEVICE", TABLE_CUT },
        { "EMPTIED", TABLE_RIGHT },
        { "OFFLINE", TABLE_RIGHT },
        { "CONFIRMED", TABLE_RIGHT },
        { "LEFTOVER", TABLE_RIGHT },
        { "NOTE", TABLE_CUT },
    };

    return table_new(columns, ELEMENTS(columns));
}

void receipt_row(struct table *table, const struct receipt *receipt)
{
    char size[SIZE_TEXT_MAX], time[WHEN_TEXT_MAX];

    table_cell(table, PAINT_NONE, "%lld", (long long)receipt->sequence);
    table_cell(table, PAINT_NONE, "%s", receipt->container);
    table_cell(table, PAINT_NONE, "%s", receipt->zone);
    table_cell(table, PAINT_NONE, "%lld", (long long)receipt->node);
    if (receipt->size)
        table_cell(table, PAINT_NONE, "0x%llx-0x%llx", (unsigned long long)receipt->start,
                   (unsigned long long)(receipt->start + receipt->size - 1));
    else
        table_cell(table, PAINT_NONE, "%s", "");
    table_cell(table, PAINT_NONE, "%s", size_format(receipt->size, size));
    table_cell(table, outcome_paint(receipt->outcome), "%s", receipt->outcome);
    table_cell(table, PAINT_NONE, "%s", size_format(receipt->host_bytes, size));
    table_cell(table, PAINT_NONE, "%s", receipt->host_device);
    table_cell(table, PAINT_NONE, "%s", span(receipt->emptied_ns, time));
    table_cell(table, PAINT_NONE, "%s", span(receipt->offline_ns, time));
    table_cell(table, PAINT_NONE, "%s", span(receipt->confirmed_ns, time));
    table_cell(table, PAINT_NONE, "%s", size_format(receipt->leftover, size));
    table_cell(table, PAINT_NONE, "%s", receipt->message ? receipt->message : "");
}

void receipt_line(const struct ctl *ctl, const struct receipt *receipt)
{
    char clock[WHEN_TEXT_MAX], offline[WHEN_TEXT_MAX], confirmed[WHEN_TEXT_MAX], size[SIZE_TEXT_MAX],
        took[SIZE_TEXT_MAX];
    CLEANUP_FREE char *container = printable_copy(receipt->container, ctl->out.utf8);
    CLEANUP_FREE char *outcome = printable_copy(receipt->outcome, ctl->out.utf8);
    CLEANUP_FREE char *device = printable_copy(receipt->host_device, ctl->out.utf8);
    CLEANUP_FREE char *message = printable_copy(receipt->message ? receipt->message : "", ctl->out.utf8);

    (void)fprintf(ctl->out.file, "%s  %4lld  %-16s node %-3lld %8s  %s%s%s, offline after %s",
                  when_clock(receipt->exit_time, clock), (long long)receipt->sequence,
                  container ? container : "?", (long long)receipt->node, size_format(receipt->size, size),
                  terminal_paint(&ctl->out, outcome_paint(receipt->outcome)), outcome ? outcome : "?",
                  terminal_plain(&ctl->out), span(receipt->offline_ns, offline));
    if (receipt->confirmed_ns >= 0)
        (void)fprintf(ctl->out.file, ", %s taken by the host (%s) after %s",
                      size_format(receipt->host_bytes, took), device ? device : "?",
                      span(receipt->confirmed_ns, confirmed));
    if (message && *message)
        (void)fprintf(ctl->out.file, ": %s", message);
    (void)fputc('\n', ctl->out.file);
    (void)fflush(ctl->out.file);
}
