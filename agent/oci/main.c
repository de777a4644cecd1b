/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/oci/oci.h"
#include "proto/size.h"

static const struct command {
    const char *name, *synopsis;
    int (*run)(const struct oci *oci, int argc, char **argv);
} commands[] = {
    { "create", "create --bundle DIR [--pid-file FILE] [--console-socket PATH] ID", command_create },
    { "start", "start ID", command_start },
    { "state", "state ID", command_state },
    { "kill", "kill [--all] ID [SIGNAL]", command_kill },
    { "delete", "delete [--force] ID", command_delete },
    { "exec", "exec [--detach] [--tty] [--process FILE] [--pid-file FILE]... ID [PROGRAM...]", command_exec },
    { "features", "features", command_features },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    (void)puts(
        "usage: czone-oci [OPTION...] COMMAND\n\n"
        "An OCI runtime whose containers are czoned's, each in a memory zone of its own.\n\nCommands:");
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)printf("  %s\n", commands[i].synopsis);
    (void)puts(
        "\nOptions:\n"
        "  --root DIR         where records are kept (" OCI_ROOT_DEFAULT ")\n"
        "  --log FILE         append errors to this file as well\n"
        "  --log-format FORM  text or json (text)\n"
        "  --memory SIZE      of containers whose config.json has no linux.resources.memory.limit\n"
        "  --runtime NAME     crun or runc of the guest make the containers, in czoned's zones (native)\n"
        "  --address ADDRESS  of czoned (" OCI_ADDRESS_DEFAULT ")\n"
        "  --debug            accepted; all that can be told is told\n"
        "  --cgroup-manager NAME, --systemd-cgroup\n"
        "                     accepted; cgroups are czoned's\n"
        "  --help, --version  print and exit");
}

enum {
    OPTION_ROOT = 256,
    OPTION_LOG,
    OPTION_LOG_FORMAT,
    OPTION_MEMORY,
    OPTION_RUNTIME,
    OPTION_ADDRESS,
    OPTION_ACCEPTED
};

static const struct option options[] = {
    { "root", required_argument, NULL, OPTION_ROOT },
    { "log", required_argument, NULL, OPTION_LOG },
    { "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
    { "memory", required_argument, NULL, OPTION_MEMORY },
    { "runtime", required_argument, NULL, OPTION_RUNTIME },
    { "address", required_argument, NULL, OPTION_ADDRESS },
    { "debug", no_argument, NULL, OPTION_ACCEPTED },
    { "cgroup-manager", required_argument, NULL, OPTION_ACCEPTED },
    { "systemd-cgroup", no_argument, NULL, OPTION_ACCEPTED },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'v' },
    { 0 },
};

/* Returns 0 (go on), 1 (done) or -1 (told what is wrong). */
static int read_option(struct oci *oci, int option)
{
    switch (option) {
    case OPTION_ROOT:
        oci->root = optarg;
        return 0;
    case OPTION_LOG:
        oci->log = optarg[0] != '\0' ? optarg : NULL;
        return 0;
    case OPTION_LOG_FORMAT:
        oci->log_json = strcmp(optarg, "json") == 0;
        if (oci->log_json || strcmp(optarg, "text") == 0)
            return 0;
        (void)oci_error(oci, "--log-format is text or json, not %s", optarg);
        return -1;
    case OPTION_MEMORY:
        if (size_parse(optarg, &oci->memory) == 0 && oci->memory > 0)
            return 0;
        (void)oci_error(oci, "--memory takes a size such as 256M, not %s", optarg);
        return -1;
    case OPTION_RUNTIME:
        oci->runtime = optarg; /* czoned knows which there are */
        return 0;
    case OPTION_ADDRESS:
        oci->address = optarg;
        if (strncmp(optarg, "unix:", 5) != 0 || optarg[5] == '/' || optarg[5] == '@')
            return 0;
        (void)oci_error(oci, "--address: the path must be absolute, since stand-ins work in /, not %s",
                        optarg);
        return -1;
    case OPTION_ACCEPTED:
        return 0; /* all that can be told is told, and cgroups are czoned's */
    case 'h':
        print_help();
        return 1;
    case 'v':
        (void)printf("czone-oci version %s\nspec: 1.0.2\n", CZONE_VERSION);
        return 1;
    default:
        return -1; /* getopt has told */
    }
}

int main(int argc, char **argv)
{
    struct oci oci = { .root = OCI_ROOT_DEFAULT, .address = OCI_ADDRESS_DEFAULT };
    int option, r;

    (void)signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "+hv", options, NULL)) != -1) {
        r = read_option(&oci, option);
        if (r != 0)
            return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    for (size_t i = 0; optind < argc && i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, argv[optind]) == 0) {
            argc -= optind;
            argv += optind;
            optind = 0; /* the command's own options come next */
            return commands[i].run(&oci, argc, argv);
        }
    if (optind < argc)
        return oci_error(&oci, "%s is no command of czone-oci (--help lists them)", argv[optind]);
    return oci_error(&oci, "needs a command (--help lists them)");
}
