/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/key_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void key_store_init(struct key_store *store, size_t entries_max, size_t bytes_max)
{
    *store = (struct key_store){ .entries_max = entries_max, .bytes_max = bytes_max };
    TAILQ_INIT(&store->entries);
}

static void drop(struct key_store *store, struct key_entry *entry)
{
    TAILQ_REMOVE(&store->entries, entry, link);
    store->n_entries--;
    store->bytes -= entry->bytes;
    free(entry->answer);
    free(entry);
}

void key_store_done(struct key_store *store)
{
    while (!TAILQ_EMPTY(&store->entries))
        drop(store, TAILQ_FIRST(&store->entries));
}

int key_store_put(struct key_store *store, const char *key, const struct fingerprint *fingerprint,
                  const json_t *answer)
{
    size_t length = strlen(key);
    struct key_entry *entry = malloc(sizeof(*entry) + length + 1);

    if (entry == NULL)
        return -ENOMEM;
    entry->fingerprint = *fingerprint;
    memcpy(entry->key, key, length + 1);
    entry->answer = json_dumps(answer, JSON_COMPACT);
    if (entry->answer == NULL) {
        free(entry);
        return -ENOMEM;
    }
    entry->bytes = sizeof(*entry) + length + 1 + strlen(entry->answer) + 1;
    TAILQ_INSERT_TAIL(&store->entries, entry, link);
    store->n_entries++;
    store->bytes += entry->bytes;
    while (store->n_entries > store->entries_max || store->bytes > store->bytes_max)
        drop(store, TAILQ_FIRST(&store->entries));
    return 0;
}

static struct key_entry *find(const struct key_store *store, const char *key)
{
    struct key_entry *entry;

    TAILQ_FOREACH(entry, &store->entries, link)
        if (strcmp(entry->key, key) == 0)
            break;
    return entry;
}

bool key_store_has(const struct key_store *store, const char *key)
{
    return find(store, key) != NULL;
}

int key_store_get(struct key_store *store, const char *key, const struct fingerprint *fingerprint,
                  json_t **ret_answer)
{
    struct key_entry *entry = find(store, key);
    json_t *answer;

    if (entry == NULL)
        return 0;
    if (memcmp(&entry->fingerprint, fingerprint, sizeof(*fingerprint)) != 0)
        return -EEXIST;
    answer = json_loads(entry->answer, JSON_REJECT_DUPLICATES, NULL);
    if (answer == NULL)
        return -ENOMEM;
    *ret_answer = answer;
    return 1;
}
