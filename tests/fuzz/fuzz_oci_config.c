/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config.json. What is accepted must be what Spawn takes (apart from memory, which may come from
 * elsewhere); what is refused must name a member and have a printable reason. The same of the outline that is
 * read for an OCI runtime.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/oci/config.h"
#include "agent/guest/oci/outline.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text)
{
    CHECK(text[0] != '\0');
    for (const char *c = text; *c; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_spawn(json_t *spawn)
{
    struct spawn_request request = SPAWN_REQUEST_INIT;
    struct varlink_fault fault;

    if (json_object_get(spawn, "memory") == NULL)
        CHECK(json_object_set_new(spawn, "memory", json_integer(1)) == 0);
    /* Limits that are Spawn's own may still refuse it, and name a parameter that stems from a member. */
    if (spawn_request_decode(&request, spawn, &fault) < 0) {
        CHECK(strchr(oci_config_member(fault.parameter), '.') != NULL ||
              strcmp(fault.parameter, "hostname") == 0 || strcmp(fault.parameter, "mounts") == 0);
        check_printable(fault.reason.text);
    }
    spawn_request_done(&request);
}

static void check_read(int r, json_t *spawn, const struct varlink_fault *fault)
{
    CHECK(r == 0 || r == -EINVAL || r == -ENOMEM);
    if (r == -EINVAL) {
        CHECK(spawn == NULL);
        /* The name of a member may be empty, or anything else. */
        check_printable(fault->reason.text);
    }
    if (r == 0)
        check_spawn(spawn);
    json_decref(spawn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct varlink_fault fault = { 0 };
    json_t *spawn = NULL;
    int r = oci_config_read((const char *)data, size, "/bundle", &spawn, &fault);

    check_read(r, spawn, &fault);
    fault = (struct varlink_fault){ 0 };
    spawn = NULL;
    r = oci_outline_read((const char *)data, size, &spawn, &fault);
    check_read(r, spawn, &fault);
    return 0;
}
