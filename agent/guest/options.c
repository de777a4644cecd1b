/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

enum {
    OPTION_LISTEN = 256,
    OPTION_LOCAL_VSOCK,
    OPTION_CGROUP,
    OPTION_RUN_DIR,
    OPTION_KEEPER,
    OPTION_NO_CGROUP_POOL,
    OPTION_MAX_CONTAINERS,
    OPTION_DEFAULT_PIDS,
    OPTION_PLUG_TIMEOUT,
    OPTION_UNPLUG_TIMEOUT,
    OPTION_OFFLINE_TIMEOUT,
    OPTION_STOP_TIMEOUT,
    OPTION_DEBUG,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    { "listen", required_argument, NULL, OPTION_LISTEN },
    { "local-vsock", no_argument, NULL, OPTION_LOCAL_VSOCK },
    { "cgroup", required_argument, NULL, OPTION_CGROUP },
    { "run-dir", required_argument, NULL, OPTION_RUN_DIR },
    { "keeper", required_argument, NULL, OPTION_KEEPER },
    { "no-cgroup-pool", no_argument, NULL, OPTION_NO_CGROUP_POOL },
    { "max-containers", required_argument, NULL, OPTION_MAX_CONTAINERS },
    { "default-pids", required_argument, NULL, OPTION_DEFAULT_PIDS },
    { "plug-timeout", required_argument, NULL, OPTION_PLUG_TIMEOUT },
    { "unplug-timeout", required_argument, NULL, OPTION_UNPLUG_TIMEOUT },
    { "offline-timeout", required_argument, NULL, OPTION_OFFLINE_TIMEOUT },
    { "stop-timeout", required_argument, NULL, OPTION_STOP_TIMEOUT },
    { "debug", no_argument, NULL, OPTION_DEBUG },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static const char help[] =
    "usage: czoned [OPTION]...\n"
    "Runs containers, each in a memory zone of its own. See czoned(8).\n\n"
    "  --listen ADDRESS           vsock:CID:PORT, vsock:any or unix:PATH; repeat for several. Without it: "
    "the\n"
    "                             sockets of LISTEN_FDS, else vsock:any:2966 and "
    "unix:/run/czone/czoned.sock\n"
    "  --local-vsock              also accept vsock peers of this machine, for tests\n"
    "  --cgroup PATH              manage this cgroup, below the cgroup mount (found out by itself)\n"
    "  --run-dir DIR              where claims are kept (/run/czone)\n"
    "  --keeper PATH              the executable that keeps a container (czone-keeper as installed)\n"
    "  --no-cgroup-pool           make a container's cgroup only when it starts, to measure or to save "
    "memory\n"
    "  --max-containers N         how many are kept, ended ones included (256)\n"
    "  --default-pids N           process limit of a container that asks for none (4096)\n"
    "  --plug-timeout SECONDS     what the host has to bring memory in (30)\n"
    "  --unplug-timeout SECONDS   what the host has to take memory back (30)\n"
    "  --offline-timeout SECONDS  what the kernel has to empty a zone (10)\n"
    "  --stop-timeout SECONDS     what ending all containers may take at SIGINT (60)\n"
    "  --debug                    log more\n"
    "  --help, --version\n";

static int parse_number(const char *name, const char *text, unsigned long max, unsigned int *ret)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value == 0 || value > max) {
        (void)fprintf(stderr, "czoned: --%s takes a number from 1 to %lu, not '%s'\n", name, max, text);
        return -EINVAL;
    }
    *ret = (unsigned int)value;
    return 0;
}

static int parse_seconds(const char *name, const char *text, unsigned int *ret_ms)
{
    unsigned int seconds;
    int r = parse_number(name, text, 3600, &seconds);

    if (r == 0)
        *ret_ms = seconds * 1000;
    return r;
}

static int parse_listen(struct options *options, const char *text)
{
    struct reason reason = { "" };

    if (options->n_listen == OPTIONS_LISTEN_MAX) {
        (void)fprintf(stderr, "czoned: more than %u --listen\n", OPTIONS_LISTEN_MAX);
        return -EINVAL;
    }
    if (address_parse(text, &options->listen[options->n_listen], &reason) < 0) {
        (void)fprintf(stderr, "czoned: --listen: %s\n", reason.text);
        return -EINVAL;
    }
    options->n_listen++;
    return 0;
}

static int apply(struct options *options, int option, const char *name)
{
    switch (option) {
    case OPTION_LISTEN:
        return parse_listen(options, optarg);
    case OPTION_LOCAL_VSOCK:
        options->local_vsock = true;
        return 0;
    case OPTION_CGROUP:
        options->cgroup = optarg;
        return 0;
    case OPTION_RUN_DIR:
        options->run_dir = optarg;
        return 0;
    case OPTION_KEEPER:
        options->keeper = optarg;
        return 0;
    case OPTION_NO_CGROUP_POOL:
        options->cgroup_pool = false;
        return 0;
    case OPTION_MAX_CONTAINERS:
        /* What a List can hold in one message. */
        return parse_number(name, optarg, 256, &options->max_containers);
    case OPTION_DEFAULT_PIDS:
        return parse_number(name, optarg, 4194304, &options->default_pids);
    case OPTION_PLUG_TIMEOUT:
        return parse_seconds(name, optarg, &options->plug_timeout_ms);
    case OPTION_UNPLUG_TIMEOUT:
        return parse_seconds(name, optarg, &options->unplug_timeout_ms);
    case OPTION_OFFLINE_TIMEOUT:
        return parse_seconds(name, optarg, &options->offline_timeout_ms);
    case OPTION_STOP_TIMEOUT:
        return parse_seconds(name, optarg, &options->stop_timeout_ms);
    case OPTION_DEBUG:
        options->log_level = LOG_DEBUG;
        return 0;
    default: /* getopt has said what is wrong */
        return -EINVAL;
    }
}

int options_parse(struct options *options, int argc, char **argv)
{
    int option, index = 0, r;

    *options = (struct options){
        .cgroup_pool = true,
        .max_containers = 256,
        .default_pids = 4096,
        .plug_timeout_ms = 30000,
        .unplug_timeout_ms = 30000,
        .offline_timeout_ms = 10000,
        .stop_timeout_ms = 60000,
        .log_level = LOG_INFO,
    };
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            (void)fputs(option == OPTION_HELP ? help : "czoned " CZONE_VERSION "\n", stdout);
            return 0;
        }
        r = apply(options, option, long_options[index].name);
        if (r < 0)
            return r;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "czoned: takes no argument ('%s'); see --help\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}
