/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/size.h"

/* Starts come in bursts of some 200 at the top of the hour; four seconds' worth passes at once. */
#define RATE_DEFAULT 64u
/* Below czoned's own patience with a host, 30 s, so that it hears a reason and not silence. */
#define STALL_DEFAULT_S 15u

enum {
    OPTION_VM = 256,
    OPTION_QMP,
    OPTION_MAX_ZONE,
    OPTION_MAX_TOTAL,
    OPTION_RATE,
    OPTION_TIER,
    OPTION_DIMM_NODES,
    OPTION_STALL,
    OPTION_JSON_LOG,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    { "vm", required_argument, NULL, OPTION_VM },
    { "qmp", required_argument, NULL, OPTION_QMP },
    { "max-zone", required_argument, NULL, OPTION_MAX_ZONE },
    { "max-total", required_argument, NULL, OPTION_MAX_TOTAL },
    { "rate", required_argument, NULL, OPTION_RATE },
    { "tier", required_argument, NULL, OPTION_TIER },
    { "dimm-nodes", required_argument, NULL, OPTION_DIMM_NODES },
    { "stall-timeout", required_argument, NULL, OPTION_STALL },
    { "json-log", no_argument, NULL, OPTION_JSON_LOG },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static const char help[] =
    "usage: czone-hostd --vm ADDRESS --qmp PATH [OPTION]...\n"
    "Gives the memory of one QEMU to the zones of its guest, and takes it back. See czone-hostd(8).\n\n"
    "  --vm ADDRESS             where czoned listens: vsock:CID[:PORT], hvsock:PATH[:PORT] or unix:PATH\n"
    "  --qmp PATH               QEMU's -qmp socket, of which czone-hostd is the only client\n"
    "  --max-zone SIZE          most bytes for one zone (no limit but QEMU's)\n"
    "  --max-total SIZE         most bytes for all zones (no limit but QEMU's)\n"
    "  --rate N[/s]             plugs per second, 0 for no limit (64)\n"
    "  --tier NAME=NODES        guest nodes of a tier: fast=1,2 slow=3-5 memory_tier4=6; repeat for several\n"
    "  --dimm-nodes NODES       guest nodes that pc-dimms may be added on (those with absent CPUs only)\n"
    "  --stall-timeout SECONDS  how long a plug or unplug may make no progress (15)\n"
    "  --json-log               log JSON objects\n"
    "  --help, --version\n";

static int number_read(const char **text, uint64_t *ret)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    for (; isdigit((unsigned char)**text); (*text)++) {
        value = value * 10 + (uint64_t)(**text - '0');
        if (value > INT64_MAX / 10)
            return -EINVAL;
    }
    *ret = value;
    return 0;
}

/* Limits are unsigned here, sizes on the wire are not. */
static int option_size(const char *text, uint64_t *ret, struct reason *reason)
{
    int64_t bytes;
    int r = size_parse(text, &bytes);

    if (r < 0)
        return reason_fail(reason, r, "%s",
                           r == -ERANGE ? "more than can be"
                                        : "a size is a number and K, M, G or T, such as 512M");
    *ret = (uint64_t)bytes;
    return 0;
}

int option_rate(const char *text, uint64_t *ret)
{
    uint64_t value;

    if (number_read(&text, &value) < 0 || (*text && strcmp(text, "/s") != 0) || value > 1000000)
        return -EINVAL;
    *ret = value;
    return 0;
}

static int option_seconds(const char *text, uint64_t *ret_us)
{
    uint64_t value;

    if (number_read(&text, &value) < 0 || *text || value == 0 || value > 86400)
        return -EINVAL;
    *ret_us = value * 1000000u;
    return 0;
}

/* Returns 0, or a negative errno with the reason set, or without one where the text alone is wrong. */
static int option_set(int option, const char *text, struct options *options, struct reason *reason)
{
    switch (option) {
    case OPTION_VM:
        return address_parse(text, &options->host.vm, reason);
    case OPTION_QMP:
        options->qemu.qmp_path = text;
        return *text ? 0 : -EINVAL;
    case OPTION_MAX_ZONE:
        return option_size(text, &options->host.zone_max, reason);
    case OPTION_MAX_TOTAL:
        return option_size(text, &options->host.total_max, reason);
    case OPTION_RATE:
        return option_rate(text, &options->host.rate);
    case OPTION_TIER:
        return tier_map_add(&options->host.tiers, text, reason);
    case OPTION_DIMM_NODES:
        return nodes_parse(text, &options->qemu.dimm_nodes, reason);
    case OPTION_STALL:
        return option_seconds(text, &options->qemu.stall_us);
    case OPTION_JSON_LOG:
        options->json_log = true;
        return 0;
    default:
        return -EINVAL;
    }
}

static enum options_result wrong(const char *what, const char *text, const char *why)
{
    (void)fprintf(stderr, "czone-hostd: %s%s%s%s%s\nTry --help.\n", what, text ? " " : "", text ? text : "",
                  why && *why ? ": " : "", why ? why : "");
    return OPTIONS_WRONG;
}

enum options_result options_parse(int argc, char *argv[], struct options *ret)
{
    struct options options = { .host.rate = RATE_DEFAULT,
                               .qemu.stall_us = STALL_DEFAULT_S * UINT64_C(1000000) };
    struct reason reason = { 0 };
    bool vm = false;
    int option, index;

    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == '?')
            return OPTIONS_WRONG; /* getopt said why */
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            (void)fputs(option == OPTION_HELP ? help : "czone-hostd " CZONE_VERSION "\n", stdout);
            return OPTIONS_DONE;
        }
        if (option_set(option, optarg, &options, &reason) < 0) {
            char name[32];

            (void)snprintf(name, sizeof(name), "--%s", long_options[index].name);
            return wrong(name, optarg, reason.text[0] ? reason.text : "not a valid value");
        }
        vm = vm || option == OPTION_VM;
    }
    if (optind < argc)
        return wrong("unexpected argument", argv[optind], NULL);
    if (!vm || !options.qemu.qmp_path)
        return wrong(vm ? "--qmp PATH is missing: QEMU's -qmp unix:PATH,server=on,wait=off"
                        : "--vm ADDRESS is missing: where the guest's czoned listens",
                     NULL, NULL);
    *ret = options;
    return OPTIONS_RUN;
}
