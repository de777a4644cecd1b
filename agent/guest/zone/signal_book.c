/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/signal_book.h"

#include <stdlib.h>

void signal_book_init(struct signal_book *book)
{
    *book = (struct signal_book){ 0 };
    TAILQ_INIT(&book->open);
}

void signal_book_done(struct signal_book *book)
{
    while (!TAILQ_EMPTY(&book->open))
        signal_book_close(book, TAILQ_FIRST(&book->open));
}

const char *signal_kind_name(enum signal_kind kind)
{
    switch (kind) {
    case SIGNAL_PLUG:
        return "plug";
    case SIGNAL_UNPLUG:
        return "unplug";
    case SIGNAL_CANCEL:
        return "cancel";
    }
    return "unknown";
}

struct signal *signal_book_open(struct signal_book *book, const struct signal *wanted)
{
    struct signal *signal = malloc(sizeof(*signal));

    if (signal == NULL)
        return NULL;
    *signal = *wanted;
    signal->id = ++book->last_id;
    signal->overdue = false;
    TAILQ_INSERT_TAIL(&book->open, signal, link);
    book->n_open++;
    return signal;
}

struct signal *signal_book_find(struct signal_book *book, uint64_t id)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->id == id && !signal->confirmed && !signal->held)
            return signal;
    return NULL;
}

static bool touches(const struct signal *unplug, struct czone_range range)
{
    return unplug->kind == SIGNAL_UNPLUG && range.start < unplug->range.start + unplug->range.size &&
           unplug->range.start < range.start + range.size;
}

struct signal *signal_book_held(struct signal_book *book, struct czone_range range)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->held && touches(signal, range))
            return signal;
    return NULL;
}

bool signal_book_leaving(const struct signal_book *book, struct czone_range range)
{
    const struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (touches(signal, range))
            return true;
    return false;
}

bool signal_book_departing(const struct signal_book *book, struct czone_range range)
{
    const struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->confirmed && touches(signal, range))
            return true;
    return false;
}

void signal_book_block_gone(struct signal_book *book, uint64_t address)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->n_blocks_left > 0 && touches(signal, (struct czone_range){ address, 1 }))
            signal->n_blocks_left--;
}

struct signal *signal_book_unowned(struct signal_book *book, struct czone_range range)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->owner == NULL && !signal->confirmed && touches(signal, range))
            return signal;
    return NULL;
}

bool signal_book_arriving(const struct signal_book *book)
{
    const struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (signal->kind == SIGNAL_PLUG && !signal->overdue)
            return true;
    return false;
}

void signal_book_close(struct signal_book *book, struct signal *signal)
{
    TAILQ_REMOVE(&book->open, signal, link);
    book->n_open--;
    free(signal);
}

uint64_t signal_book_deadline(const struct signal_book *book)
{
    uint64_t earliest = UINT64_MAX;
    const struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link)
        if (!signal->overdue && !signal->held && signal->deadline < earliest)
            earliest = signal->deadline;
    return earliest;
}

struct signal *signal_book_expire(struct signal_book *book, uint64_t now)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &book->open, link) {
        if (signal->overdue || signal->held || signal->deadline > now)
            continue;
        signal->overdue = true;
        return signal;
    }
    return NULL;
}
