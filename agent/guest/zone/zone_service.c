/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <czone/verify.h>

#include "agent/guest/manager.h"
#include "agent/guest/services.h"
#include "agent/guest/zone/receipt_stream.h"
#include "agent/guest/zone/zone_json.h"
#include "varlink_interface_texts.h"

#define ERROR_NO_SUCH_ZONE "io.czone.Zone.NoSuchZone"
#define ERROR_NOT_BOUND    "io.czone.Zone.NotBound"
#define ERROR_ZONE_SYSTEM  "io.czone.Zone.System"

static int system_error(struct varlink_connection *connection, int error, const char *message)
{
    return varlink_connection_error(connection, ERROR_ZONE_SYSTEM,
                                    json_pack("{s:i, s:s}", "errno", -error, "message", message));
}

struct list {
    bool blocks;
};

static const struct varlink_field list_fields[] = {
    { "blocks", VARLINK_BOOL, offsetof(struct list, blocks), .flags = 0 },
};

static int on_list(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct manager *manager = userdata;
    struct list list = { 0 };
    struct varlink_fault fault;
    int r;

    if (varlink_fields_decode(call->parameters, list_fields, ELEMENTS(list_fields), 0, &list, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    manager_sync(manager);
    r = varlink_connection_reply(connection, zones_to_json(manager, list.blocks));
    if (r == -EMSGSIZE)
        return system_error(connection, r,
                            "the guest has too many memory blocks for one message: leave blocks out");
    return r;
}

struct verify {
    const char *zone;
};

static const struct varlink_field verify_fields[] = {
    { "zone", VARLINK_STRING, offsetof(struct verify, zone), VARLINK_REQUIRED, .min = 1, .max = 255 },
};

static int zone_error(struct varlink_connection *connection, const char *error, const char *zone,
                      const char *what)
{
    char message[400];

    (void)snprintf(message, sizeof(message), "zone %s %s", zone, what);
    return varlink_connection_error(connection, error,
                                    json_pack("{s:s, s:s}", "zone", zone, "message", message));
}

static int on_verify(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct manager *manager = userdata;
    struct verify verify = { 0 };
    struct czone_verification found;
    struct czone_zone_info info;
    struct czone_zone *zone = NULL;
    struct varlink_fault fault;
    int r;

    if (varlink_fields_decode(call->parameters, verify_fields, ELEMENTS(verify_fields), 0, &verify, &fault) <
        0)
        return varlink_connection_invalid_parameter(connection, &fault);
    r = czone_zone_open(manager->ctx, verify.zone, &zone);
    if (r == -ENOENT || r == -EINVAL)
        return zone_error(connection, ERROR_NO_SUCH_ZONE, verify.zone, "does not exist");
    if (r < 0)
        return system_error(connection, r, strerror(-r));
    czone_zone_get_info(zone, &info);
    r = czone_zone_verify(zone, &found);
    zone = czone_zone_unref(zone);
    if (r == -EINVAL)
        return zone_error(connection, ERROR_NOT_BOUND, verify.zone,
                          "has no container bound: there is nothing to compare");
    if (r < 0)
        return system_error(connection, r, strerror(-r));
    return varlink_connection_reply(connection,
                                    json_pack("{s:o}", "verification", verification_to_json(&info, &found)));
}

struct receipts_call {
    int64_t after;
    const char *container;
};

static const struct varlink_field receipts_fields[] = {
    { "after", VARLINK_INT, offsetof(struct receipts_call, after), 0, .min = 0, .max = INT64_MAX },
    { "container", VARLINK_STRING, offsetof(struct receipts_call, container), 0, .min = 1,
      .max = CZONE_ZONE_NAME_MAX },
};

static int on_receipts(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct receipts_call wanted = { .container = "" };
    struct varlink_fault fault;

    if (varlink_fields_decode(call->parameters, receipts_fields, ELEMENTS(receipts_fields), 0, &wanted,
                              &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    return receipt_stream_reply(userdata, connection, (uint64_t)wanted.after, wanted.container,
                                (call->flags & VARLINK_MORE) != 0);
}

static const struct varlink_method methods[] = {
    { "List", 0, on_list },
    { "Verify", 0, on_verify },
    { "Receipts", 0, on_receipts },
};

const struct varlink_interface zone_service = {
    "io.czone.Zone",
    varlink_text_io_czone_Zone,
    methods,
    ELEMENTS(methods),
};
