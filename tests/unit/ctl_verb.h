/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CTL_VERB_H
#define TESTS_CTL_VERB_H

/* A verb run against a peer with one scripted answer, and what is expected of its output. Each test program
 * has its own. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_peer.h"

static struct peer peer;
/* What the script answers; set by each test. */
static const char *answer, *error;

static inline void simple(struct peer *unused, struct varlink_connection *connection,
                          const struct varlink_call *call)
{
    (void)unused;
    (void)call;
    if (error)
        peer_error(connection, error, answer);
    else
        peer_reply(connection, answer);
}

static inline void setup(void)
{
    peer_open(&peer, simple);
    answer = "{}";
    error = NULL;
}

static inline void teardown(void)
{
    peer_close(&peer);
}

static inline void prints(int status, const char *expected)
{
    ck_assert_str_eq(peer.err, "");
    ck_assert_str_eq(peer.out, expected);
    ck_assert_int_eq(peer.status, status);
}

static inline void fails(int status, const char *expected)
{
    ck_assert_str_eq(peer.out, "");
    ck_assert_str_eq(peer.err, expected);
    ck_assert_int_eq(peer.status, status);
}

static inline void complains(int status, const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, status);
}

#endif
