/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone-run: runs a command in a fresh memory zone, without czoned. What numactl is for nodes, this is for
 * zones, and it shows the whole of libczone's life cycle on one page: reserve, bind, policy, verify, release,
 * retire.
 */
#include <czone/czone.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* As env(1), timeout(1) and numactl(8) do it: the command's own status below, ours above. */
enum { EXIT_OURS = 125, EXIT_CANNOT_EXEC = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL_BASE = 128 };

enum { RELEASE_TIMEOUT_MS = 30000, KILL_TIMEOUT_MS = 10000 };

struct options {
    uint64_t bytes;
    struct czone_tier_choice tier;
    const char *name;
    bool verbose;
    char **command;
};

/* The signal that asked us to stop, for the handler's sake the one global of this program. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    stop_signal = signal_number;
}

static void usage(FILE *out)
{
    fputs("Usage: zone-run --memory SIZE [--tier any|fast|slow|memory_tierN] [--name NAME] [--verbose] -- "
          "COMMAND [ARG…]\n"
          "\n"
          "Runs COMMAND in a memory zone of its own: a contiguous run of hot-plugged memory on a free NUMA "
          "node,\n"
          "which goes offline again, empty, when COMMAND and all it started have ended.\n"
          "\n"
          "  -m, --memory SIZE   bytes, or with K, M, G; rounded up to whole memory blocks\n"
          "  -t, --tier TIER     which memory tier it may come from (any)\n"
          "  -n, --name NAME     name of zone and cgroup (zone-run-PID)\n"
          "  -v, --verbose       say where the zone lies and how it was given back\n"
          "\n"
          "Exit status: that of COMMAND, 128+N if signal N ended it; 125 if zone-run failed, 126 if COMMAND "
          "cannot be run,\n"
          "127 if it was not found.\n",
          out);
}

static int parse_size(const char *text, uint64_t *ret_bytes)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *text == '-')
        return -EINVAL;
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (end[shift != 0] != '\0' || value > (UINT64_MAX >> shift))
        return -EINVAL;
    *ret_bytes = (uint64_t)value << shift;
    return 0;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "memory", required_argument, NULL, 'm' }, { "tier", required_argument, NULL, 't' },
        { "name", required_argument, NULL, 'n' },   { "verbose", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },         { 0 },
    };
    static char default_name[32];
    int c;

    snprintf(default_name, sizeof(default_name), "zone-run-%d", (int)getpid());
    *options = (struct options){ .name = default_name };
    while ((c = getopt_long(argc, argv, "+m:t:n:vh", longs, NULL)) != -1) {
        if (c == 'm' && parse_size(optarg, &options->bytes) < 0) {
            fprintf(stderr, "zone-run: --memory takes a size like 512M or 2G, not \"%s\"\n", optarg);
            return -EINVAL;
        }
        if (c == 't' && czone_tier_choice_parse(optarg, &options->tier) < 0) {
            fprintf(stderr, "zone-run: --tier takes any, fast, slow or memory_tierN, not \"%s\"\n", optarg);
            return -EINVAL;
        }
        if (c == 'n')
            options->name = optarg;
        if (c == 'v')
            options->verbose = true;
        if (c == 'h') {
            usage(stdout);
            exit(0);
        }
        if (c == '?') {
            usage(stderr);
            return -EINVAL;
        }
    }
    options->command = argv + optind;
    if (options->bytes == 0 || !*options->command) {
        fputs("zone-run: both --memory and a command are needed; see zone-run --help\n", stderr);
        return -EINVAL;
    }
    return 0;
}

/* The child joins the cgroup first: the policy is relative to its cpuset. */
static void run_child(struct czone_cgroup *cgroup, const struct czone_policy *policy, char **command)
{
    int r = czone_cgroup_write(cgroup, "cgroup.procs", "0");
    if (r >= 0)
        r = czone_policy_apply(policy);
    if (r < 0) {
        fprintf(stderr, "zone-run: cannot enter the zone: %s\n", strerror(-r));
        _exit(EXIT_OURS);
    }
    execvp(command[0], command);
    r = errno;
    fprintf(stderr, "zone-run: cannot run %s: %s\n", command[0], strerror(r));
    _exit(r == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC);
}

static int wait_child(pid_t pid)
{
    int status;

    for (;;) {
        if (waitpid(pid, &status, 0) == pid)
            return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
        if (errno != EINTR)
            return EXIT_OURS;
        /* Interrupted by a request to stop: the command gets the same request and its own time to obey. */
        kill(pid, stop_signal);
    }
}

static void print_verification(struct czone_zone *zone)
{
    struct czone_verification v;

    if (czone_zone_verify(zone, &v) < 0)
        return;
    fprintf(stderr, "zone-run: left at exit: %llu KiB on the zone, %llu KiB of others on its node: %s\n",
            (unsigned long long)v.user_on_zone / 1024, (unsigned long long)v.node_foreign / 1024,
            v.exclusive ? "exclusive" : "NOT exclusive");
}

/* Gives the zone back. The status is the command's unless the zone would not empty, which must not go unseen.
 */
static int give_back(struct czone_zone *zone, struct czone_cgroup *cgroup, const struct options *options,
                     int status)
{
    struct czone_release_options how = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_release account = CZONE_RELEASE_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;

    if (options->verbose)
        print_verification(zone);
    how.timeout_ms = RELEASE_TIMEOUT_MS;
    czone_cgroup_kill(cgroup);
    int r = czone_cgroup_wait_empty(cgroup, KILL_TIMEOUT_MS);
    if (r >= 0)
        r = czone_zone_release(zone, &how, &account, &failure);
    if (r < 0 || account.state != CZONE_ZONE_OFFLINE) {
        fprintf(stderr, "zone-run: zone %s is not back: %s\n", options->name,
                r < 0 ? (failure.error < 0 ? failure.message : strerror(-r)) : account.failure.message);
        czone_release_done(&account);
        return EXIT_OURS;
    }
    if (options->verbose)
        fprintf(stderr, "zone-run: %llu MiB offline again after %.1f ms, %llu pages migrated\n",
                (unsigned long long)account.range.size >> 20,
                (double)(account.empty_ns + account.offline_ns) / 1e6,
                (unsigned long long)account.migrated_pages);
    czone_release_done(&account);
    czone_cgroup_remove(cgroup);
    czone_zone_retire(zone);
    return status;
}

static int run_in_zone(struct czone_zone *zone, struct czone_cgroup *cgroup, const struct options *options)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_policy policy;
    struct czone_zone_info info;

    if (czone_zone_bind(zone, cgroup, &failure) < 0 || czone_zone_policy(zone, &policy) < 0) {
        fprintf(stderr, "zone-run: %s\n", failure.message);
        return give_back(zone, cgroup, options, EXIT_OURS);
    }
    czone_zone_get_info(zone, &info);
    if (options->verbose)
        fprintf(stderr, "zone-run: zone %s: node %d, %llu MiB at 0x%llx\n", info.name, (int)info.node.n,
                (unsigned long long)info.range.size >> 20, (unsigned long long)info.range.start);
    pid_t pid = fork();
    if (pid == 0)
        run_child(cgroup, &policy, options->command);
    if (pid < 0)
        fprintf(stderr, "zone-run: cannot fork: %s\n", strerror(errno));
    return give_back(zone, cgroup, options, pid < 0 ? EXIT_OURS : wait_child(pid));
}

int main(int argc, char **argv)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;
    struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: waitpid() must notice */
    struct czone_ctx *ctx = NULL;
    struct czone_zone *zone = NULL;
    struct czone_cgroup *cgroup = NULL;
    struct options options;
    int status = EXIT_OURS;

    if (parse_options(argc, argv, &options) < 0)
        return EXIT_OURS;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    request.name = options.name;
    request.bytes = options.bytes;
    request.tier = options.tier;

    if (czone_ctx_new(NULL, &ctx, &failure) < 0 || czone_zone_reserve(ctx, &request, &zone, &failure) < 0) {
        fprintf(stderr, "zone-run: %s\n", failure.message);
    } else if (czone_cgroup_create(ctx, options.name, &cgroup, &failure) < 0) {
        struct czone_release account = CZONE_RELEASE_INIT;

        fprintf(stderr, "zone-run: %s\n", failure.message);
        if (czone_zone_release(zone, NULL, &account, NULL) >= 0)
            czone_zone_retire(zone);
        czone_release_done(&account);
    } else {
        status = run_in_zone(zone, cgroup, &options);
    }
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
    czone_ctx_unref(ctx);
    return status;
}
