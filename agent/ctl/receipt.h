/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_RECEIPT_H
#define CTL_RECEIPT_H

/* The account of one zone's return, as io.czone.Zone.Receipts gives it. */

#include <jansson.h>
#include <stdint.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/table.h"

/* Strings are borrowed from the object it was read from. */
struct receipt {
    int64_t sequence;
    const char *container, *zone;
    int64_t node, start, size;
    const char *outcome;
    int64_t host_bytes;
    const char *host_device;
    int64_t exit_time;
    int64_t emptied_ns, offline_ns, confirmed_ns; /* -1: not */
    int64_t migrated_pages;
    int64_t leftover;    /* bytes, all kinds */
    const char *message; /* or NULL */
};

enum exit_code receipt_read(const struct ctl *ctl, json_t *object, struct receipt *ret);

/* A table of receipts, and its rows. */
struct table *receipt_table(void);
void receipt_row(struct table *table, const struct receipt *receipt);

/* One receipt on a line, for a stream. */
void receipt_line(const struct ctl *ctl, const struct receipt *receipt);

#endif
