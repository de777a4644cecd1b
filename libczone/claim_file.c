/* SPDX-License-Identifier: Apache-2.0 */
#include "claim_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Goes up whenever a reader of the old form would misread the new one. */
#define CLAIM_VERSION "1"

enum { VERSION, BOOT, NAME, NODE, FIRST_BLOCK, N_BLOCKS, START, SIZE, STATE, TIER, PROVIDER, CGROUP, N_KEYS };

static const char *const keys[N_KEYS] = {
    [VERSION] = "version",
    [BOOT] = "boot",
    [NAME] = "name",
    [NODE] = "node",
    [FIRST_BLOCK] = "first_block",
    [N_BLOCKS] = "blocks",
    [START] = "start",
    [SIZE] = "size",
    [STATE] = "state",
    [TIER] = "tier",
    [PROVIDER] = "provider",
    [CGROUP] = "cgroup",
};

int claim_format(const struct czone_zone_info *info, const char *boot_id, char *buffer, size_t size)
{
    int n;

    n = snprintf(buffer, size,
                 "version=" CLAIM_VERSION "\nboot=%s\nname=%s\nnode=%" PRId32 "\nfirst_block=%" PRIu64
                 "\nblocks=%zu\nstart=%" PRIu64 "\nsize=%" PRIu64
                 "\nstate=%s\ntier=%d\nprovider=%s\ncgroup=%s\n",
                 boot_id, info->name, info->node.n, info->first_block.n, info->n_blocks, info->range.start,
                 info->range.size, czone_zone_state_name(info->state), info->tier,
                 czone_provider_name(info->provider), info->cgroup);
    return n < 0 || (size_t)n >= size ? -ENOBUFS : n;
}

/* Splits the lines into values[], by key. */
static int split(char *text, char *values[N_KEYS])
{
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n"));) {
        char *value = strchr(line, '=');
        size_t key = 0;

        if (*line == '\0' && !rest)
            break; /* behind the last newline */
        if (!value)
            return -EBADMSG;
        *value++ = '\0';
        while (key < N_KEYS && strcmp(line, keys[key]) != 0)
            key++;
        if (key == N_KEYS || values[key])
            return -EBADMSG;
        values[key] = value;
    }
    return 0;
}

static int parse_u64(const char *text, uint64_t max, uint64_t *ret_value)
{
    unsigned long long value;
    char *end;

    if (*text < '0' || *text > '9')
        return -EBADMSG;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

/* -1 stands for "unknown" in a tier. */
static int parse_tier(const char *text, int *ret_tier)
{
    uint64_t tier;

    if (strcmp(text, "-1") == 0) {
        *ret_tier = -1;
        return 0;
    }
    if (parse_u64(text, INT32_MAX, &tier) < 0)
        return -EBADMSG;
    *ret_tier = (int)tier;
    return 0;
}

static int parse_state(const char *text, enum czone_zone_state *ret_state)
{
    for (int state = CZONE_ZONE_WANTED; state <= CZONE_ZONE_QUARANTINED; state++)
        if (strcmp(text, czone_zone_state_name((enum czone_zone_state)state)) == 0) {
            *ret_state = (enum czone_zone_state)state;
            return 0;
        }
    return -EBADMSG;
}

static int parse_provider(const char *text, enum czone_provider *ret_provider)
{
    for (int provider = CZONE_PROVIDER_UNKNOWN; provider <= CZONE_PROVIDER_DAX; provider++)
        if (strcmp(text, czone_provider_name((enum czone_provider)provider)) == 0) {
            *ret_provider = (enum czone_provider)provider;
            return 0;
        }
    return -EBADMSG;
}

static int copy(char *buffer, size_t size, const char *text)
{
    if (strlen(text) >= size)
        return -EBADMSG;
    memcpy(buffer, text, strlen(text) + 1);
    return 0;
}

int claim_parse(char *text, const char *boot_id, struct czone_zone_info *ret_info)
{
    struct czone_zone_info info = { 0 };
    char *values[N_KEYS] = { NULL };
    uint64_t node, n_blocks;

    if (split(text, values) < 0 || !values[BOOT])
        return -EBADMSG;
    if (strcmp(values[BOOT], boot_id) != 0)
        return -ESTALE;
    for (size_t i = 0; i < N_KEYS; i++)
        if (!values[i])
            return -EBADMSG;
    if (strcmp(values[VERSION], CLAIM_VERSION) != 0 || copy(info.name, sizeof(info.name), values[NAME]) < 0 ||
        parse_u64(values[NODE], INT32_MAX, &node) < 0 ||
        parse_u64(values[FIRST_BLOCK], UINT64_MAX, &info.first_block.n) < 0 ||
        parse_u64(values[N_BLOCKS], SIZE_MAX, &n_blocks) < 0 ||
        parse_u64(values[START], UINT64_MAX, &info.range.start) < 0 ||
        parse_u64(values[SIZE], INT64_MAX, &info.range.size) < 0 ||
        parse_state(values[STATE], &info.state) < 0 || parse_tier(values[TIER], &info.tier) < 0 ||
        parse_provider(values[PROVIDER], &info.provider) < 0 ||
        copy(info.cgroup, sizeof(info.cgroup), values[CGROUP]) < 0)
        return -EBADMSG;
    info.node = (czone_node_id){ (int32_t)node };
    info.n_blocks = (size_t)n_blocks;
    *ret_info = info;
    return 0;
}
