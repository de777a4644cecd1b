/* SPDX-License-Identifier: Apache-2.0 */
#include "run_index.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

#define N_NODE_WORDS (NODE_MAX / 64)

_Static_assert(N_NODE_WORDS <= 64, "one summary word has a bit for each word of nodes");

/* One length: which nodes have a run of it. Bit i of summary: words[i] is not 0. */
struct run_class {
    uint64_t summary;
    uint64_t words[N_NODE_WORDS];
};

/* Parallel arrays, ascending by length; bit i of `filled`: class i has a node. */
struct run_tier {
    int tier;
    size_t n;
    uint64_t *lengths;
    size_t room_lengths;
    struct run_class *classes;
    size_t room_classes;
    uint64_t *filled;
    size_t room_filled;
};

struct run_index {
    struct run_tier *tiers; /* from the fastest to the slowest */
    size_t n_tiers;
    size_t room_tiers;
};

int tier_slowness(int tier)
{
    return tier < 0 ? INT_MAX : tier;
}

int run_index_new(struct run_index **ret_index)
{
    struct run_index *index = calloc(1, sizeof(*index));
    if (!index)
        return -ENOMEM;
    *ret_index = index;
    return 0;
}

struct run_index *run_index_free(struct run_index *index)
{
    if (!index)
        return NULL;
    for (size_t i = 0; i < index->n_tiers; i++) {
        free(index->tiers[i].lengths);
        free(index->tiers[i].classes);
        free(index->tiers[i].filled);
    }
    free(index->tiers);
    free(index);
    return NULL;
}

/* Position of the first tier that is not faster. */
static size_t tier_lower_bound(const struct run_index *index, int tier)
{
    size_t i = 0;
    while (i < index->n_tiers && tier_slowness(index->tiers[i].tier) < tier_slowness(tier))
        i++;
    return i;
}

int run_index_find_tier(const struct run_index *index, int tier)
{
    size_t i = tier_lower_bound(index, tier);
    return i < index->n_tiers && index->tiers[i].tier == tier ? (int)i : -ENOENT;
}

/* Position of the first class that is not shorter. */
static size_t class_lower_bound(const struct run_tier *tier, uint64_t length)
{
    size_t low = 0, high = tier->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tier->lengths[middle] < length)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_class(const struct run_tier *tier, size_t i, uint64_t length)
{
    return i < tier->n && tier->lengths[i] == length;
}

static void set_filled(struct run_tier *tier, size_t i, bool filled)
{
    uint64_t bit = UINT64_C(1) << (i % 64);

    if (filled)
        tier->filled[i / 64] |= bit;
    else
        tier->filled[i / 64] &= ~bit;
}

static int tier_reserve(struct run_index *index, int tier, struct run_tier **ret_tier)
{
    size_t i = tier_lower_bound(index, tier);

    if (i == index->n_tiers || index->tiers[i].tier != tier) {
        int r = array_reserve(index->tiers, index->room_tiers, index->n_tiers + 1);
        if (r < 0)
            return r;
        memmove(&index->tiers[i + 1], &index->tiers[i], (index->n_tiers - i) * sizeof(*index->tiers));
        index->tiers[i] = (struct run_tier){ .tier = tier };
        index->n_tiers++;
    }
    *ret_tier = &index->tiers[i];
    return 0;
}

int run_index_reserve(struct run_index *index, int tier, uint64_t length)
{
    struct run_tier *t;
    int r = tier_reserve(index, tier, &t);
    if (r < 0)
        return r;

    size_t i = class_lower_bound(t, length);
    if (has_class(t, i, length))
        return 0;

    r = array_reserve(t->lengths, t->room_lengths, t->n + 1);
    if (r >= 0)
        r = array_reserve(t->classes, t->room_classes, t->n + 1);
    if (r >= 0)
        r = array_reserve(t->filled, t->room_filled, t->n / 64 + 1);
    if (r < 0)
        return r;

    if (t->n % 64 == 0)
        t->filled[t->n / 64] = 0;
    memmove(&t->lengths[i + 1], &t->lengths[i], (t->n - i) * sizeof(*t->lengths));
    memmove(&t->classes[i + 1], &t->classes[i], (t->n - i) * sizeof(*t->classes));
    t->n++;
    t->lengths[i] = length;
    t->classes[i] = (struct run_class){ 0 };
    for (size_t j = i; j < t->n; j++)
        set_filled(t, j, t->classes[j].summary != 0);
    return 0;
}

void run_index_put(struct run_index *index, int tier, uint64_t length, czone_node_id node)
{
    struct run_tier *t = &index->tiers[tier_lower_bound(index, tier)];
    size_t i = class_lower_bound(t, length);
    struct run_class *class = &t->classes[i];

    class->words[node.n / 64] |= UINT64_C(1) << (node.n % 64);
    class->summary |= UINT64_C(1) << (node.n / 64);
    set_filled(t, i, true);
}

void run_index_drop(struct run_index *index, int tier, uint64_t length, czone_node_id node)
{
    struct run_tier *t = &index->tiers[tier_lower_bound(index, tier)];
    size_t i = class_lower_bound(t, length);
    struct run_class *class = &t->classes[i];

    class->words[node.n / 64] &= ~(UINT64_C(1) << (node.n % 64));
    if (class->words[node.n / 64] == 0)
        class->summary &= ~(UINT64_C(1) << (node.n / 64));
    if (class->summary == 0)
        set_filled(t, i, false);
}

size_t run_index_n_tiers(const struct run_index *index)
{
    return index->n_tiers;
}

int run_index_tier(const struct run_index *index, size_t i)
{
    return index->tiers[i].tier;
}

static czone_node_id lowest_node(const struct run_class *class)
{
    int word = __builtin_ctzll(class->summary);
    return (czone_node_id){ word * 64 + __builtin_ctzll(class->words[word]) };
}

bool run_index_shortest(const struct run_index *index, size_t i, uint64_t at_least, uint64_t *ret_length,
                        czone_node_id *ret_node)
{
    const struct run_tier *tier = &index->tiers[i];
    size_t from = class_lower_bound(tier, at_least);

    for (size_t word = from / 64; word * 64 < tier->n; word++) {
        uint64_t filled = tier->filled[word];
        if (word == from / 64)
            filled &= UINT64_MAX << (from % 64);
        if (filled) {
            size_t found = word * 64 + (size_t)__builtin_ctzll(filled);
            *ret_length = tier->lengths[found];
            *ret_node = lowest_node(&tier->classes[found]);
            return true;
        }
    }
    return false;
}

bool run_index_has(const struct run_index *index, int tier, uint64_t length, czone_node_id node)
{
    int t = run_index_find_tier(index, tier);
    if (t < 0)
        return false;

    size_t i = class_lower_bound(&index->tiers[t], length);
    return has_class(&index->tiers[t], i, length) &&
           (index->tiers[t].classes[i].words[node.n / 64] >> (node.n % 64) & 1);
}

size_t run_index_count(const struct run_index *index)
{
    size_t n = 0;

    for (size_t t = 0; t < index->n_tiers; t++)
        for (size_t i = 0; i < index->tiers[t].n; i++)
            for (size_t word = 0; word < N_NODE_WORDS; word++)
                n += (size_t)__builtin_popcountll(index->tiers[t].classes[i].words[word]);
    return n;
}
