/* SPDX-License-Identifier: Apache-2.0 */
/* create: a container of czoned that is ready to start, and its stand-in. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/oci/console.h"
#include "agent/oci/container.h"
#include "agent/oci/oci.h"
#include "agent/oci/record.h"
#include "agent/oci/stand_in.h"
#include "proto/cleanup.h"
#include "proto/size.h"

/* Annotations of a config.json that say what it has no member for. */
#define ANNOTATION_MEMORY "io.czone.memory"
#define ANNOTATION_TIER   "io.czone.tier"

/* Hexadecimal digits of 128 random bits. */
#define KEY_SIZE 32

struct creation {
    const struct oci *oci;
    const char *id, *pid_file, *console_socket;
    char bundle[PATH_MAX];
    char container[RECORD_CONTAINER_SIZE];
    char key[KEY_SIZE + 1];
    json_t *config;
    bool terminal;
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

    (void)snprintf(path, sizeof(path), "%s/config.json", creation->bundle);
    if (oci_document(creation->oci, path, &creation->config) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    creation->terminal =
        json_is_true(json_object_get(json_object_get(creation->config, "process"), "terminal"));
    if (creation->terminal != (creation->console_socket != NULL))
        return oci_error(creation->oci, creation->terminal
                                            ? "process.terminal is true: --console-socket is needed"
                                            : "--console-socket needs process.terminal to be true");
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

/* Returns EXIT_SUCCESS and the parameters of Spawn, the caller's; or EXIT_FAILURE and has told why. */
static int make_request(const struct creation *creation, json_t **ret_request)
{
    const char *memory = annotation(creation, ANNOTATION_MEMORY),
               *tier = annotation(creation, ANNOTATION_TIER);
    CLEANUP_JSON json_t *request = NULL;
    int64_t bytes = creation->oci->memory;
    int r = 0;

    if (memory != NULL && (size_parse(memory, &bytes) < 0 || bytes <= 0))
        return oci_error(creation->oci, "annotations.%s is %s, and must be a size such as 256M",
                         ANNOTATION_MEMORY, memory);
    request = json_pack("{s:s, s:s, s:s, s:b, s:b}", "id", creation->container, "bundle", creation->bundle,
                        "key", creation->key, "hold", 1, "stdin", 1);
    if (bytes > 0 && (memory != NULL || !config_limits_memory(creation)))
        r |= json_object_set_new(request, "memory", json_integer(bytes));
    if (creation->oci->runtime != NULL)
        r |= json_object_set_new(request, "runtime", json_string(creation->oci->runtime));
    if (tier != NULL)
        r |= json_object_set_new(request, "tier", json_string(tier));
    if (request == NULL || r < 0)
        return oci_error(creation->oci, "out of memory");
    *ret_request = TAKE(request);
    return EXIT_SUCCESS;
}

static int wait_created(const struct creation *creation)
{
    CLEANUP_JSON json_t *answer = NULL;

    if (oci_call(creation->oci, OCI_REPEATS, "io.czone.Container.Wait",
                 json_pack("{s:s, s:s}", "id", creation->container, "until", "created"), -1, NULL,
                 &answer) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return oci_failure(creation->oci, json_object_get(answer, "container"));
}

/* What an exec of this container has to know: what its processes may and may not. */
static json_t *process_of(const struct creation *creation)
{
    json_t *process = json_copy(json_object_get(creation->config, "process"));

    (void)json_object_del(process, "args");
    (void)json_object_del(process, "env");
    return process != NULL ? process : json_object();
}

static int write_record(const struct creation *creation, pid_t pid)
{
    CLEANUP_JSON json_t *record = json_pack(
        "{s:O, s:s, s:s, s:s, s:i, s:o, s:O*}", "ociVersion", json_object_get(creation->config, "ociVersion"),
        "container", creation->container, "key", creation->key, "bundle", creation->bundle, "pid", (int)pid,
        "process", process_of(creation), "annotations", json_object_get(creation->config, "annotations"));
    int r = record != NULL ? record_write(creation->oci, creation->id, record) : -ENOMEM;

    return r < 0 ? oci_error(creation->oci, "cannot keep a record of %s: %s", creation->id, strerror(-r))
                 : EXIT_SUCCESS;
}

static int start_stand_in(const struct creation *creation, pid_t *ret_pid)
{
    const struct stand_in_program program = { .container = creation->container,
                                              .terminal = creation->terminal };
    CLEANUP_FD int console = -EBADF;
    int r = 0;

    if (creation->terminal)
        r = console_open(creation->console_socket, &console);
    if (r < 0)
        return oci_error(creation->oci, "cannot hand a terminal to %s: %s", creation->console_socket,
                         strerror(-r));
    r = stand_in_fork(creation->oci, &program, console, ret_pid);
    return r < 0 ? oci_error(creation->oci, "cannot start the stand-in: %s", strerror(-r)) : EXIT_SUCCESS;
}

/* The record is there before there is anything that only it tells of. */
static int make(const struct creation *creation, json_t *request, pid_t *ret_pid)
{
    if (write_record(creation, 0) != EXIT_SUCCESS ||
        oci_call(creation->oci, OCI_REPEATS, "io.czone.Container.Spawn", json_incref(request), OCI_ANSWER_MS,
                 NULL, NULL) != EXIT_SUCCESS ||
        wait_created(creation) != EXIT_SUCCESS || start_stand_in(creation, ret_pid) != EXIT_SUCCESS ||
        write_record(creation, *ret_pid) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return oci_pid_file(creation->oci, creation->pid_file, *ret_pid);
}

/* What create cannot undo delete can: the record stays then. */
static void undo(const struct creation *creation, pid_t stand_in)
{
    CLEANUP_JSON json_t *record = NULL;

    if (stand_in > 0)
        (void)kill(stand_in, SIGKILL);
    if (record_read(creation->oci, creation->id, &record) < 0 ||
        container_end(creation->oci, record) == EXIT_SUCCESS)
        (void)record_remove(creation->oci, creation->id);
}

static int create(const struct creation *creation)
{
    CLEANUP_JSON json_t *request = NULL;
    pid_t stand_in = 0;
    int r = make_request(creation, &request);

    if (r == EXIT_SUCCESS)
        r = make(creation, request, &stand_in);
    if (r != EXIT_SUCCESS)
        undo(creation, stand_in);
    return r;
}

/* What is left of a create that was killed is removed: nobody was told of it. */
static int take_over(const struct creation *creation)
{
    CLEANUP_JSON json_t *record = NULL;
    int r = record_read(creation->oci, creation->id, &record);

    if (r == -ENOENT)
        return EXIT_SUCCESS;
    if (r < 0 || json_integer_value(json_object_get(record, "pid")) != 0)
        return oci_error(creation->oci, "container %s exists already", creation->id);
    return container_end(creation->oci, record);
}

/* Returns 0 or errors of getrandom(2). */
static int make_key(struct creation *creation)
{
    unsigned char bytes[KEY_SIZE / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -errno;
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(creation->key + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int create_claimed(struct creation *creation)
{
    CLEANUP_FD int claim = -EBADF;
    int r = record_claim(creation->oci, creation->id, &claim);

    if (r == -EEXIST)
        return oci_error(creation->oci, "container %s exists already: it is being created", creation->id);
    if (r < 0)
        return oci_error(creation->oci, "%s cannot be the id of a container: %s", creation->id, strerror(-r));
    record_container(creation->id, creation->container);
    r = make_key(creation);
    if (r < 0)
        return oci_error(creation->oci, "no random numbers: %s", strerror(-r));
    return take_over(creation) == EXIT_SUCCESS ? create(creation) : EXIT_FAILURE;
}

int command_create(const struct oci *oci, int argc, char **argv)
{
    struct creation creation = { .oci = oci };
    int r = read_words(&creation, argc, argv);

    if (r == EXIT_SUCCESS)
        r = read_config(&creation);
    if (r == EXIT_SUCCESS)
        r = create_claimed(&creation);
    json_decref(creation.config);
    return r;
}
