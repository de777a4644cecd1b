/* SPDX-License-Identifier: Apache-2.0 */
#include "node_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define N_WORDS (NODE_MAX / 64)

bool node_is_valid(czone_node_id node)
{
    return node.n >= 0 && node.n < NODE_MAX;
}

void node_set_add(struct node_set *set, czone_node_id node)
{
    set->words[node.n / 64] |= UINT64_C(1) << (node.n % 64);
}

void node_set_remove(struct node_set *set, czone_node_id node)
{
    set->words[node.n / 64] &= ~(UINT64_C(1) << (node.n % 64));
}

bool node_set_has(const struct node_set *set, czone_node_id node)
{
    return node_is_valid(node) && (set->words[node.n / 64] >> (node.n % 64) & 1);
}

bool node_set_equal(const struct node_set *a, const struct node_set *b)
{
    return memcmp(a->words, b->words, sizeof(a->words)) == 0;
}

unsigned node_set_count(const struct node_set *set)
{
    unsigned n = 0;
    for (size_t i = 0; i < N_WORDS; i++)
        n += (unsigned)__builtin_popcountll(set->words[i]);
    return n;
}

czone_node_id node_set_next(const struct node_set *set, int32_t from)
{
    if (from < 0)
        from = 0;
    for (size_t i = (size_t)from / 64; i < N_WORDS; i++) {
        uint64_t word = set->words[i];
        if (i == (size_t)from / 64)
            word &= UINT64_MAX << (from % 64);
        if (word)
            return (czone_node_id){ (int32_t)(i * 64) + __builtin_ctzll(word) };
    }
    return CZONE_NODE_NONE;
}

int node_set_index(const struct node_set *set, czone_node_id node)
{
    if (!node_set_has(set, node))
        return -ENOENT;

    int index = 0;
    for (int32_t i = 0; i < node.n / 64; i++)
        index += __builtin_popcountll(set->words[i]);
    uint64_t below = (UINT64_C(1) << (node.n % 64)) - 1;
    return index + __builtin_popcountll(set->words[node.n / 64] & below);
}

static int32_t last_of_range(const struct node_set *set, int32_t first)
{
    while (node_set_has(set, (czone_node_id){ first + 1 }))
        first++;
    return first;
}

int node_set_format(const struct node_set *set, char *buffer, size_t size)
{
    if (size == 0)
        return -ENOBUFS;

    size_t length = 0;
    buffer[0] = '\0';
    for (czone_node_id first = node_set_next(set, 0); first.n >= 0;) {
        int32_t last = last_of_range(set, first.n);
        const char *comma = length > 0 ? "," : "";
        int n = last > first.n
                    ? snprintf(buffer + length, size - length, "%s%" PRId32 "-%" PRId32, comma, first.n, last)
                    : snprintf(buffer + length, size - length, "%s%" PRId32, comma, first.n);
        if (n < 0 || (size_t)n >= size - length)
            return -ENOBUFS;
        length += (size_t)n;
        first = node_set_next(set, last + 1);
    }
    return (int)length;
}

/* Reads digits and moves *text behind them. */
static int parse_node(const char **text, int32_t *ret_node)
{
    if (**text < '0' || **text > '9')
        return -EINVAL;

    int32_t node = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        node = node * 10 + (**text - '0');
        if (node >= NODE_MAX)
            return -ERANGE;
    }
    *ret_node = node;
    return 0;
}

/* Reads "N" or "N-M" and moves *text behind it. */
static int parse_range(const char **text, struct node_set *set)
{
    int32_t first, last;
    int r = parse_node(text, &first);
    if (r < 0)
        return r;

    last = first;
    if (**text == '-') {
        (*text)++;
        r = parse_node(text, &last);
        if (r < 0)
            return r;
        if (last < first)
            return -EINVAL;
    }
    for (int32_t node = first; node <= last; node++)
        node_set_add(set, (czone_node_id){ node });
    return 0;
}

int node_set_parse(const char *text, struct node_set *ret_set)
{
    struct node_set set = { 0 };

    while (*text != '\0' && *text != '\n') {
        int r = parse_range(&text, &set);
        if (r < 0)
            return r;
        if (*text != ',')
            break;
        text++;
        if (*text == '\0' || *text == '\n')
            return -EINVAL;
    }
    if (*text == '\n')
        text++;
    if (*text != '\0')
        return -EINVAL;
    *ret_set = set;
    return 0;
}
