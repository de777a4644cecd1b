/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEY_STORE_H
#define GUEST_KEY_STORE_H

/*
 * Idempotency keys: what was asked under a key and what was answered. Bounded in number and in bytes; the
 * oldest go first, so a key holds for as long as a caller may reasonably still retry. Pure.
 */

#include <jansson.h>
#include <sys/queue.h>

#include "agent/guest/container/spawn_request.h"

#define KEY_STORE_ENTRIES_MAX 1024u
#define KEY_STORE_BYTES_MAX   ((size_t)2 * 1024 * 1024)

struct key_entry {
    TAILQ_ENTRY(key_entry) link;
    struct fingerprint fingerprint;
    char *answer; /* JSON text: a twentieth of what the parsed value takes */
    size_t bytes;
    char key[]; /* NUL-terminated */
};

struct key_store {
    TAILQ_HEAD(key_list, key_entry) entries; /* oldest first */
    size_t n_entries, bytes;
    size_t entries_max, bytes_max;
};

void key_store_init(struct key_store *store, size_t entries_max, size_t bytes_max);
void key_store_done(struct key_store *store);

/*
 * Keeps an answer under a key that is not kept yet. An answer too big for the whole store is not kept.
 * Returns 0 or -ENOMEM; on failure nothing is kept, a retry will be taken for a new request.
 */
int key_store_put(struct key_store *store, const char *key, const struct fingerprint *fingerprint,
                  const json_t *answer);

/* Whether a key is known, whatever the request. */
bool key_store_has(const struct key_store *store, const char *key);

/*
 * Looks a key up.
 *
 * @ret_answer  the first answer, owned by the caller
 *
 * Returns 1 (found, same request), 0 (not known), -EEXIST (known with another request) or -ENOMEM.
 */
int key_store_get(struct key_store *store, const char *key, const struct fingerprint *fingerprint,
                  json_t **ret_answer);

#endif
