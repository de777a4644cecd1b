/* SPDX-License-Identifier: Apache-2.0 */
/* create: a container of czoned that is ready to start, and its stand-in. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/oci/console.h"
#include "agent/oci/oci.h"
#include "agent/oci/record.h"
#include "agent/oci/stand_in.h"
#include "proto/cleanup.h"
#include "proto/size.h"

/* Annotations of a config.json that say what it has no member for. */
#define ANNOTATION_MEMORY "io.czone.memory"
#define ANNOTATION_TIER   "io.czone.tier"

struct creation {
    const struct oci *oci;
    const char *id, *pid_file, *console_socket;
    char bundle[PATH_MAX];
    char container[RECORD_CONTAINER_SIZE];
    json_t *config;
    struct stand_in_streams streams;
};

static int usage(const struct oci *oci)
{
    return oci_error(oci,
                     "usage: czone-oci create --bundle DIR [--pid-file FILE] [--console-socket PATH] ID");
}

/* Returns EXIT_SUCCESS, or EXIT_FAILURE and has told why. */
static int read_words(struct creation *creation, int argc, char **argv)
{
    enum { OPTION_PID_FILE = 256, OPTION_CONSOLE, OPTION_NO_KEYRING, OPTION_PRESERVE };
    static const struct option options[] = {
        { "bundle", required_argument, NULL, 'b' },
        { "pid-file", required_argument, NULL, OPTION_PID_FILE },
        { "console-socket", required_argument, NULL, OPTION_CONSOLE },
        { "no-new-keyring", no_argument, NULL, OPTION_NO_KEYRING },
        { "preserve-fds", required_argument, NULL, OPTION_PRESERVE },
        { 0 },
    };
    const char *bundle = ".";
    int option;

    while ((option = getopt_long(argc, argv, "+b:", options, NULL)) != -1) {
        if (option == 'b')
            bundle = optarg;
        else if (option == OPTION_PID_FILE)
            creation->pid_file = optarg;
        else if (option == OPTION_CONSOLE)
            creation->console_socket = optarg;
        else if (option == OPTION_PRESERVE && strcmp(optarg, "0") != 0)
            return oci_error(creation->oci,
                             "--preserve-fds: a container of czoned gets no fds of its creator");
        else if (option == '?')
            return EXIT_FAILURE;
        /* Without a keyring anyway: no container may use one. */
    }
    if (argc - optind != 1)
        return usage(creation->oci);
    creation->id = argv[optind];
    if (realpath(bundle, creation->bundle) == NULL)
        return oci_error(creation->oci, "bundle %s: %s", bundle, strerror(errno));
    return EXIT_SUCCESS;
}

/* What czoned does not need to be told, since it reads the file itself: what create has to do accordingly. */
static int read_config(struct creation *creation)
{
    char path[PATH_MAX + 16];
    json_error_t error;
    bool terminal;

    (void)snprintf(path, sizeof(path), "%s/config.json", creation->bundle);
    creation->config = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(creation->config))
        return oci_error(creation->oci, "%s: %s", path, error.text);
    terminal = json_is_true(json_object_get(json_object_get(creation->config, "process"), "terminal"));
    if (terminal != (creation->console_socket != NULL))
        return oci_error(creation->oci, terminal ? "process.terminal is true: --console-socket is needed"
                                                 : "--console-socket needs process.terminal to be true");
    creation->streams.terminal = terminal;
    return EXIT_SUCCESS;
}

static const char *annotation(const struct creation *creation, const char *name)
{
    return json_string_value(json_object_get(json_object_get(creation->config, "annotations"), name));
}

static bool config_limits_memory(const struct creation *creation)
{
    const json_t *resources = json_object_get(json_object_get(creation->config, "linux"), "resources");

    return json_is_integer(json_object_get(json_object_get(resources, "memory"), "limit"));
}

static int spawn(const struct creation *creation)
{
    const char *memory = annotation(creation, ANNOTATION_MEMORY),
               *tier = annotation(creation, ANNOTATION_TIER);
    int64_t bytes = creation->oci->memory;
    json_t *request;
    int r = 0;

    if (memory != NULL && (size_parse(memory, &bytes) < 0 || bytes <= 0))
        return oci_error(creation->oci, "annotations.%s is %s, and must be a size such as 256M",
                         ANNOTATION_MEMORY, memory);
    request = json_pack("{s:s, s:s, s:b, s:b}", "id", creation->container, "bundle", creation->bundle, "hold",
                        1, "stdin", 1);
    if (bytes > 0 && (memory != NULL || !config_limits_memory(creation)))
        r |= json_object_set_new(request, "memory", json_integer(bytes));
    if (creation->oci->runtime != NULL)
        r |= json_object_set_new(request, "runtime", json_string(creation->oci->runtime));
    if (tier != NULL)
        r |= json_object_set_new(request, "tier", json_string(tier));
    if (request == NULL || r < 0) {
        json_decref(request);
        return oci_error(creation->oci, "out of memory");
    }
    return oci_call(creation->oci, "io.czone.Container.Spawn", request, OCI_ANSWER_MS, NULL, NULL);
}

static int wait_created(const struct creation *creation)
{
    CLEANUP_JSON json_t *answer = NULL;
    const json_t *failure;

    if (oci_call(creation->oci, "io.czone.Container.Wait",
                 json_pack("{s:s, s:s}", "id", creation->container, "until", "created"), -1, NULL,
                 &answer) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    failure = json_object_get(json_object_get(answer, "container"), "failure");
    if (failure != NULL && !json_is_null(failure))
        return oci_error(creation->oci, "%s", json_string_value(json_object_get(failure, "message")));
    return EXIT_SUCCESS;
}

static int open_console(struct creation *creation)
{
    int slave, r;

    creation->streams = (struct stand_in_streams){
        .in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO, .terminal = creation->streams.terminal
    };
    if (!creation->streams.terminal)
        return EXIT_SUCCESS;
    r = console_open(creation->console_socket, &slave);
    if (r < 0)
        return oci_error(creation->oci, "cannot hand a terminal to %s: %s", creation->console_socket,
                         strerror(-r));
    creation->streams.in = creation->streams.out = creation->streams.err = slave;
    return EXIT_SUCCESS;
}

static int write_pid_file(const struct creation *creation, pid_t pid)
{
    FILE *file;
    int r;

    if (creation->pid_file == NULL)
        return EXIT_SUCCESS;
    file = fopen(creation->pid_file, "we");
    if (file == NULL)
        return oci_error(creation->oci, "%s: %s", creation->pid_file, strerror(errno));
    r = fprintf(file, "%d", (int)pid);
    return fclose(file) != 0 || r < 0 ? oci_error(creation->oci, "cannot write %s", creation->pid_file)
                                      : EXIT_SUCCESS;
}

static int write_record(const struct creation *creation, pid_t pid)
{
    CLEANUP_JSON json_t *record =
        json_pack("{s:O, s:s, s:s, s:i, s:O*}", "ociVersion", json_object_get(creation->config, "ociVersion"),
                  "container", creation->container, "bundle", creation->bundle, "pid", (int)pid,
                  "annotations", json_object_get(creation->config, "annotations"));
    int r = record != NULL ? record_write(creation->oci, creation->id, record) : -ENOMEM;

    return r < 0 ? oci_error(creation->oci, "cannot keep a record of %s: %s", creation->id, strerror(-r))
                 : EXIT_SUCCESS;
}

/* The container is there; its stand-in comes, and all is written down. */
static int complete(struct creation *creation)
{
    pid_t pid;

    if (wait_created(creation) != EXIT_SUCCESS || open_console(creation) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    pid = fork();
    if (pid == 0)
        stand_in_run(creation->oci, creation->container, &creation->streams);
    if (pid < 0)
        return oci_error(creation->oci, "cannot start the stand-in: %s", strerror(errno));
    if (write_record(creation, pid) == EXIT_SUCCESS && write_pid_file(creation, pid) == EXIT_SUCCESS)
        return EXIT_SUCCESS;
    (void)kill(pid, SIGKILL);
    return EXIT_FAILURE;
}

static int create(struct creation *creation)
{
    int r = spawn(creation);

    if (r == EXIT_SUCCESS) {
        r = complete(creation);
        if (r != EXIT_SUCCESS)
            (void)oci_call(creation->oci, "io.czone.Container.Remove",
                           json_pack("{s:s, s:b}", "id", creation->container, "force", 1), -1, NULL, NULL);
    }
    if (r != EXIT_SUCCESS)
        (void)record_remove(creation->oci, creation->id);
    return r;
}

int command_create(const struct oci *oci, int argc, char **argv)
{
    struct creation creation = { .oci = oci };
    int r = read_words(&creation, argc, argv);

    if (r == EXIT_SUCCESS)
        r = read_config(&creation);
    if (r == EXIT_SUCCESS) {
        record_container(creation.id, creation.container);
        r = record_claim(oci, creation.id);
        if (r == -EEXIST)
            r = oci_error(oci, "container %s exists already", creation.id);
        else if (r < 0)
            r = oci_error(oci, "%s cannot be the id of a container: %s", creation.id, strerror(-r));
        else
            r = create(&creation);
    }
    json_decref(creation.config);
    return r;
}
