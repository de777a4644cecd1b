/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/nodes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool nodes_has(const struct nodes *nodes, int node)
{
    return node >= 0 && node < NODES_MAX && (nodes->words[node / 64] >> (node % 64) & 1) != 0;
}

void nodes_add(struct nodes *nodes, int node)
{
    if (node >= 0 && node < NODES_MAX)
        nodes->words[node / 64] |= UINT64_C(1) << (node % 64);
}

void nodes_remove(struct nodes *nodes, int node)
{
    if (node >= 0 && node < NODES_MAX)
        nodes->words[node / 64] &= ~(UINT64_C(1) << (node % 64));
}

bool nodes_empty(const struct nodes *nodes)
{
    for (size_t i = 0; i < NODES_MAX / 64; i++)
        if (nodes->words[i])
            return false;
    return true;
}

/* strtol() would take a sign and blanks. */
static int number_read(const char **text)
{
    int value = 0;

    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    for (; isdigit((unsigned char)**text); (*text)++) {
        value = value * 10 + (**text - '0');
        if (value >= NODES_MAX)
            return -ERANGE;
    }
    return value;
}

int nodes_parse(const char *text, struct nodes *ret, struct reason *reason)
{
    struct nodes nodes = { 0 };
    const char *at = text;

    for (;;) {
        int first = number_read(&at), last = first;

        if (first >= 0 && *at == '-') {
            at++;
            last = number_read(&at);
        }
        if (first == -ERANGE || last == -ERANGE)
            return reason_fail(reason, -EINVAL, "%s: nodes are 0 to %d", text, NODES_MAX - 1);
        if (first < 0 || last < first || (*at && *at != ','))
            return reason_fail(reason, -EINVAL, "'%s' is not a list of NUMA nodes such as 1,3-5", text);
        for (int node = first; node <= last; node++)
            nodes_add(&nodes, node);
        if (!*at)
            break;
        at++;
    }
    *ret = nodes;
    return 0;
}
