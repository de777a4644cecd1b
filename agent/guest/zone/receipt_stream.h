/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_RECEIPT_STREAM_H
#define GUEST_ZONE_RECEIPT_STREAM_H

/* Receipts to those who ask for them: once, or as they come. */

#include "proto/connection.h"

struct manager;

/*
 * Answers Zone.Receipts.
 *
 * @after      sequence number of the last one that is known
 * @container  only of this one; "": of all
 * @more       first the kept ones, then each new one
 *
 * Returns 0 or a negative errno, then nothing was answered.
 */
int receipt_stream_reply(struct manager *manager, struct varlink_connection *connection, uint64_t after,
                         const char *container, bool more);

/* Sends new receipts to all who follow. */
void receipt_stream_wake(struct manager *manager);

#endif
