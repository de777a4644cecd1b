/* SPDX-License-Identifier: Apache-2.0 */
/* start, state, kill and delete: calls to czoned about a container that create has recorded. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/oci/oci.h"
#include "agent/oci/record.h"
#include "proto/cleanup.h"

#define NO_SUCH_CONTAINER "io.czone.Container.NoSuchContainer"

static int load(const struct oci *oci, const char *id, json_t **ret_record)
{
    int r = record_read(oci, id, ret_record);

    if (r == -ENOENT)
        return oci_error(oci, "container %s does not exist", id);
    return r < 0 ? oci_error(oci, "cannot read the record of container %s: %s", id, strerror(-r))
                 : EXIT_SUCCESS;
}

static const char *container_of(const json_t *record)
{
    return json_string_value(json_object_get(record, "container"));
}

/* What OCI calls a state of czoned's. */
static const char *status_of(const json_t *container)
{
    static const struct {
        const char *state, *status;
    } names[] = {
        { "wanted", "creating" },
        { "starting", "creating" },
        { "created", "created" },
        { "running", "running" },
    };
    const char *state = json_string_value(json_object_get(container, "state"));

    for (size_t i = 0; state != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].state, state) == 0)
            return names[i].status;
    return "stopped";
}

/* *ret_container: as czoned tells it; NULL if it has forgotten it. */
static int inspect(const struct oci *oci, const json_t *record, json_t **ret_answer, json_t **ret_container)
{
    int r = oci_call(oci, "io.czone.Container.Inspect", json_pack("{s:s}", "id", container_of(record)),
                     OCI_ANSWER_MS, NO_SUCH_CONTAINER, ret_answer);

    if (r == EXIT_SUCCESS)
        *ret_container = json_object_get(*ret_answer, "container");
    return r;
}

int command_start(const struct oci *oci, int argc, char **argv)
{
    CLEANUP_JSON json_t *record = NULL, *answer = NULL;
    const json_t *failure;

    if (argc != 2)
        return oci_error(oci, "usage: czone-oci start ID");
    if (load(oci, argv[1], &record) != EXIT_SUCCESS ||
        oci_call(oci, "io.czone.Container.Start", json_pack("{s:s}", "id", container_of(record)), -1, NULL,
                 NULL) != EXIT_SUCCESS ||
        oci_call(oci, "io.czone.Container.Wait",
                 json_pack("{s:s, s:s}", "id", container_of(record), "until", "running"), -1, NULL,
                 &answer) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    failure = json_object_get(json_object_get(answer, "container"), "failure");
    if (failure != NULL && !json_is_null(failure))
        return oci_error(oci, "%s", json_string_value(json_object_get(failure, "message")));
    return EXIT_SUCCESS;
}

int command_state(const struct oci *oci, int argc, char **argv)
{
    CLEANUP_JSON json_t *record = NULL, *answer = NULL, *state = NULL;
    json_t *container = NULL, *annotations;
    const char *status;
    json_int_t pid;

    if (argc != 2)
        return oci_error(oci, "usage: czone-oci state ID");
    if (load(oci, argv[1], &record) != EXIT_SUCCESS ||
        inspect(oci, record, &answer, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    status = status_of(container);
    annotations = json_object_get(record, "annotations");
    /* The one who waits for the end of a container waits for its stand-in, in whose pid file that is. */
    pid = strcmp(status, "stopped") != 0 ? json_integer_value(json_object_get(record, "pid")) : 0;
    state = json_pack("{s:O, s:s, s:s, s:I, s:O, s:O*}", "ociVersion", json_object_get(record, "ociVersion"),
                      "id", argv[1], "status", status, "pid", pid, "bundle",
                      json_object_get(record, "bundle"), "annotations", annotations);
    if (state == NULL || json_dumpf(state, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF ||
        fflush(stdout) != 0)
        return oci_error(oci, "cannot write to standard output");
    return EXIT_SUCCESS;
}

int command_kill(const struct oci *oci, int argc, char **argv)
{
    static const struct option options[] = { { "all", no_argument, NULL, 'a' }, { 0 } };
    CLEANUP_JSON json_t *record = NULL;
    const char *signal = "TERM";
    int option;

    /* czoned signals every process anyway. */
    while ((option = getopt_long(argc, argv, "+a", options, NULL)) != -1)
        if (option != 'a')
            return EXIT_FAILURE;
    if (argc - optind < 1 || argc - optind > 2)
        return oci_error(oci, "usage: czone-oci kill [--all] ID [SIGNAL]");
    if (argc - optind == 2)
        signal = argv[optind + 1];
    if (load(oci, argv[optind], &record) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return oci_call(oci, "io.czone.Container.Kill",
                    json_pack("{s:s, s:s}", "id", container_of(record), "signal", signal), OCI_ANSWER_MS,
                    NULL, NULL);
}

int command_delete(const struct oci *oci, int argc, char **argv)
{
    static const struct option options[] = { { "force", no_argument, NULL, 'f' }, { 0 } };
    CLEANUP_JSON json_t *record = NULL, *answer = NULL;
    json_t *container = NULL;
    bool force = false;
    const char *id;
    int option, r;

    while ((option = getopt_long(argc, argv, "+f", options, NULL)) != -1) {
        if (option != 'f')
            return EXIT_FAILURE;
        force = true;
    }
    if (argc - optind != 1)
        return oci_error(oci, "usage: czone-oci delete [--force] ID");
    id = argv[optind];
    r = record_read(oci, id, &record);
    if (r == -ENOENT && force)
        /* Nothing but perhaps the directory of a create that was killed. */
        return record_remove(oci, id) < 0 ? oci_error(oci, "cannot remove the record of %s", id)
                                          : EXIT_SUCCESS;
    if (r < 0)
        return load(oci, id, &record);
    if (inspect(oci, record, &answer, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (!force && strcmp(status_of(container), "stopped") != 0)
        return oci_error(oci, "container %s is %s: kill it first, or use --force", id, status_of(container));
    /* With force: what has ended may still be returning its memory, and the id is free only after that. */
    if (oci_call(oci, "io.czone.Container.Remove",
                 json_pack("{s:s, s:b}", "id", container_of(record), "force", 1), -1, NO_SUCH_CONTAINER,
                 NULL) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    r = record_remove(oci, id);
    return r < 0 ? oci_error(oci, "cannot remove the record of %s: %s", id, strerror(-r)) : EXIT_SUCCESS;
}
