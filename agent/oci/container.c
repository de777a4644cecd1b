/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/container.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/oci/record.h"
#include "proto/cleanup.h"

#define NO_SUCH_CONTAINER "io.czone.Container.NoSuchContainer"

int container_record(const struct oci *oci, const char *id, json_t **ret_record)
{
    int r = record_read(oci, id, ret_record);

    if (r == -ENOENT)
        return oci_error(oci, "container %s does not exist", id);
    return r < 0 ? oci_error(oci, "cannot read the record of container %s: %s", id, strerror(-r))
                 : EXIT_SUCCESS;
}

const char *container_name(const json_t *record)
{
    return json_string_value(json_object_get(record, "container"));
}

int container_find(const struct oci *oci, const json_t *record, json_t **ret)
{
    CLEANUP_JSON json_t *answer = NULL;
    json_t *container;
    int r =
        oci_call(oci, OCI_REPEATS, "io.czone.Container.Inspect",
                 json_pack("{s:s}", "id", container_name(record)), OCI_ANSWER_MS, NO_SUCH_CONTAINER, &answer);

    if (r != EXIT_SUCCESS)
        return r;
    container = json_object_get(answer, "container");
    *ret = json_equal(json_object_get(container, "key"), json_object_get(record, "key"))
               ? json_incref(container)
               : NULL;
    return EXIT_SUCCESS;
}

int container_get(const struct oci *oci, const char *id, json_t **ret_record, json_t **ret_container)
{
    int r = container_record(oci, id, ret_record);

    if (r == EXIT_SUCCESS)
        r = container_find(oci, *ret_record, ret_container);
    if (r == EXIT_SUCCESS && *ret_container == NULL)
        return oci_error(oci, "container %s has been removed from czoned: delete it", id);
    return r;
}

int container_end(const struct oci *oci, const json_t *record)
{
    CLEANUP_JSON json_t *container = NULL;
    int r = container_find(oci, record, &container);

    if (r == EXIT_SUCCESS && container != NULL)
        r = oci_call(oci, OCI_REPEATS, "io.czone.Container.Remove",
                     json_pack("{s:s, s:b}", "id", container_name(record), "force", 1), -1, NO_SUCH_CONTAINER,
                     NULL);
    return r;
}

int container_remove(const struct oci *oci, const char *id, const json_t *record)
{
    int r = container_end(oci, record);

    if (r != EXIT_SUCCESS)
        return r;
    r = record_forget(oci, id, json_object_get(record, "key"));
    return r < 0 ? oci_error(oci, "cannot remove the record of %s: %s", id, strerror(-r)) : EXIT_SUCCESS;
}
