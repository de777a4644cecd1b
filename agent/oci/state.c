/* SPDX-License-Identifier: Apache-2.0 */
/* start, state, kill and delete: calls to czoned about a container that create has recorded. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/oci/container.h"
#include "agent/oci/record.h"
#include "proto/cleanup.h"

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

/* As the specification means it: what has no stand-in (yet) is not created. */
static const char *status_now(const json_t *record, const json_t *container)
{
    const char *status = status_of(container);

    return strcmp(status, "created") == 0 && json_integer_value(json_object_get(record, "pid")) == 0
               ? "creating"
               : status;
}

int command_start(const struct oci *oci, int argc, char **argv)
{
    CLEANUP_JSON json_t *record = NULL, *container = NULL, *answer = NULL;

    if (argc != 2)
        return oci_error(oci, "usage: czone-oci start ID");
    if (container_get(oci, argv[1], &record, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (json_integer_value(json_object_get(record, "pid")) == 0)
        return oci_error(oci, "container %s is still being created, or its create was killed: delete it",
                         argv[1]);
    if (oci_call(oci, OCI_ONCE, "io.czone.Container.Start", json_pack("{s:s}", "id", container_name(record)),
                 -1, NULL, NULL) != EXIT_SUCCESS ||
        oci_call(oci, OCI_REPEATS, "io.czone.Container.Wait",
                 json_pack("{s:s, s:s}", "id", container_name(record), "until", "running"), -1, NULL,
                 &answer) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return oci_failure(oci, json_object_get(answer, "container"));
}

int command_state(const struct oci *oci, int argc, char **argv)
{
    CLEANUP_JSON json_t *record = NULL, *container = NULL, *state = NULL;
    json_t *annotations;
    const char *status;
    json_int_t pid;

    if (argc != 2)
        return oci_error(oci, "usage: czone-oci state ID");
    if (container_record(oci, argv[1], &record) != EXIT_SUCCESS ||
        container_find(oci, record, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    status = status_now(record, container);
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
    CLEANUP_JSON json_t *record = NULL, *container = NULL;
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
    if (container_get(oci, argv[optind], &record, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return oci_call(oci, OCI_ONCE, "io.czone.Container.Kill",
                    json_pack("{s:s, s:s}", "id", container_name(record), "signal", signal), OCI_ANSWER_MS,
                    NULL, NULL);
}

int command_delete(const struct oci *oci, int argc, char **argv)
{
    static const struct option options[] = { { "force", no_argument, NULL, 'f' }, { 0 } };
    CLEANUP_JSON json_t *record = NULL, *container = NULL;
    bool force = false;
    const char *id;
    int option;

    while ((option = getopt_long(argc, argv, "+f", options, NULL)) != -1) {
        if (option != 'f')
            return EXIT_FAILURE;
        force = true;
    }
    if (argc - optind != 1)
        return oci_error(oci, "usage: czone-oci delete [--force] ID");
    id = argv[optind];
    if (force && record_read(oci, id, &record) == -ENOENT)
        /* Nothing but perhaps the directory of a create that was killed at once. */
        return record_forget(oci, id, NULL) < 0 ? oci_error(oci, "cannot remove the record of %s", id)
                                                : EXIT_SUCCESS;
    if (record == NULL && container_record(oci, id, &record) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (!force && container_find(oci, record, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (!force && strcmp(status_now(record, container), "stopped") != 0)
        return oci_error(oci, "container %s is %s: kill it first, or use --force", id,
                         status_now(record, container));
    return container_remove(oci, id, record);
}
