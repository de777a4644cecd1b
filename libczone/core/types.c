/* SPDX-License-Identifier: Apache-2.0 */
#include <czone/types.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <czone/failure.h>
#include <czone/inventory.h>
#include <czone/release.h>

#define NAME_OF(table, value)                                                                                \
    ((size_t)(value) < sizeof(table) / sizeof((table)[0]) && (table)[(size_t)(value)]                        \
         ? (table)[(size_t)(value)]                                                                          \
         : "unknown")

const char *czone_provider_name(enum czone_provider provider)
{
    static const char *const names[] = {
        [CZONE_PROVIDER_UNKNOWN] = "unknown",
        [CZONE_PROVIDER_BOOT] = "boot",
        [CZONE_PROVIDER_VIRTIO_MEM] = "virtio-mem",
        [CZONE_PROVIDER_DIMM] = "dimm",
        [CZONE_PROVIDER_DAX] = "dax",
    };
    return NAME_OF(names, provider);
}

const char *czone_block_state_name(enum czone_block_state state)
{
    static const char *const names[] = {
        [CZONE_BLOCK_OFFLINE] = "offline",
        [CZONE_BLOCK_MOVABLE] = "movable",
        [CZONE_BLOCK_KERNEL] = "kernel",
        [CZONE_BLOCK_GOING_OFFLINE] = "going-offline",
    };
    return NAME_OF(names, state);
}

const char *czone_zone_state_name(enum czone_zone_state state)
{
    static const char *const names[] = {
        [CZONE_ZONE_WANTED] = "wanted",     [CZONE_ZONE_PLUGGED] = "plugged",
        [CZONE_ZONE_ONLINE] = "online",     [CZONE_ZONE_BOUND] = "bound",
        [CZONE_ZONE_DRAINING] = "draining", [CZONE_ZONE_OFFLINE] = "offline",
        [CZONE_ZONE_RETURNED] = "returned", [CZONE_ZONE_QUARANTINED] = "quarantined",
    };
    return NAME_OF(names, state);
}

const char *czone_stage_name(enum czone_stage stage)
{
    static const char *const names[] = {
        [CZONE_STAGE_NONE] = "none",     [CZONE_STAGE_REQUEST] = "request", [CZONE_STAGE_SCAN] = "scan",
        [CZONE_STAGE_PLACE] = "place",   [CZONE_STAGE_CLAIM] = "claim",     [CZONE_STAGE_ONLINE] = "online",
        [CZONE_STAGE_CGROUP] = "cgroup", [CZONE_STAGE_EMPTY] = "empty",     [CZONE_STAGE_OFFLINE] = "offline",
    };
    return NAME_OF(names, stage);
}

const char *czone_node_role_name(enum czone_node_role role)
{
    static const char *const names[] = {
        [CZONE_NODE_HOME] = "home",   [CZONE_NODE_FREE] = "free",   [CZONE_NODE_CLAIMED] = "claimed",
        [CZONE_NODE_EMPTY] = "empty", [CZONE_NODE_UNFIT] = "unfit",
    };
    return NAME_OF(names, role);
}

const char *czone_leftover_kind_name(enum czone_leftover_kind kind)
{
    static const char *const names[] = {
        [CZONE_LEFTOVER_ANON] = "anon",       [CZONE_LEFTOVER_FILE] = "file",
        [CZONE_LEFTOVER_SHMEM] = "shmem",     [CZONE_LEFTOVER_KERNEL] = "kernel",
        [CZONE_LEFTOVER_UNKNOWN] = "unknown",
    };
    return NAME_OF(names, kind);
}

/* Digits only: strtol() would take signs and blanks as well. */
static int parse_tier_number(const char *text, int *ret_tier)
{
    if (text[0] == '\0')
        return -EINVAL;

    int tier = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || tier > (INT_MAX - 9) / 10)
            return -EINVAL;
        tier = tier * 10 + (*text - '0');
    }
    *ret_tier = tier;
    return 0;
}

int czone_tier_choice_parse(const char *text, struct czone_tier_choice *ret_choice)
{
    static const char prefix[] = "memory_tier";
    struct czone_tier_choice choice = { .preference = CZONE_TIER_NAMED };

    if (!text)
        return -EINVAL;

    if (strcmp(text, "any") == 0) {
        choice.preference = CZONE_TIER_ANY;
    } else if (strcmp(text, "fast") == 0) {
        choice.preference = CZONE_TIER_FAST;
    } else if (strcmp(text, "slow") == 0) {
        choice.preference = CZONE_TIER_SLOW;
    } else {
        if (strncmp(text, prefix, strlen(prefix)) == 0)
            text += strlen(prefix);
        int r = parse_tier_number(text, &choice.tier);
        if (r < 0)
            return r;
    }
    *ret_choice = choice;
    return 0;
}
