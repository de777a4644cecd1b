/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/receipt_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* In one reply: with eight leftovers each still well below the longest message. */
#define BATCH 40u

/* The next receipts after *position, which moves behind what was looked at. */
static json_t *batch_to_json(const struct receipts *receipts, uint64_t *position, const char *container,
                             size_t max, size_t *ret_n)
{
    CLEANUP_JSON json_t *list = json_array();
    const struct receipt *receipt;
    uint64_t at = *position;
    size_t n = 0;

    while (n < max && (receipt = receipts_after(receipts, at)) != NULL) {
        at = receipt->sequence;
        if (container[0] != '\0' && strcmp(container, receipt->container) != 0)
            continue;
        if (json_array_append_new(list, receipt_to_json(receipt)) < 0)
            return NULL;
        n++;
    }
    *position = at;
    *ret_n = n;
    return json_pack("{s:O, s:i}", "receipts", list, "limit", (int)receipts->limit);
}

/* All that is kept in one reply; if that is too long, as many of the oldest as fit: the rest is asked for by
 * `after`. */
static int reply_once(const struct receipts *receipts, struct varlink_connection *connection, uint64_t after,
                      const char *container)
{
    int r = -EMSGSIZE;
    size_t n;

    for (size_t max = receipts->limit; max > 0 && r == -EMSGSIZE; max /= 2) {
        uint64_t position = after;

        r = varlink_connection_reply(connection, batch_to_json(receipts, &position, container, max, &n));
    }
    return r;
}

static void send_new(struct follower *follower)
{
    struct manager *manager = follower->owner;
    size_t n = 1;

    while (n > 0 && follower_ready(follower)) {
        json_t *reply = batch_to_json(&manager->receipts, &follower->position, follower->name, BATCH, &n);

        if (n == 0) {
            json_decref(reply);
            return;
        }
        if (varlink_connection_reply_continue(follower->connection, reply) < 0)
            return; /* broken: its owner hears of it */
    }
}

int receipt_stream_reply(struct manager *manager, struct varlink_connection *connection, uint64_t after,
                         const char *container, bool more)
{
    struct follower *follower;

    if (!more)
        return reply_once(&manager->receipts, connection, after, container);
    follower = follower_add(&manager->receipt_followers, connection, after, send_new, manager);
    if (follower == NULL)
        return -ENOMEM;
    (void)snprintf(follower->name, sizeof(follower->name), "%s", container);
    send_new(follower);
    return 0;
}

void receipt_stream_wake(struct manager *manager)
{
    struct follower *follower;

    TAILQ_FOREACH(follower, &manager->receipt_followers, link)
        follower->send(follower);
}
