/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/guest/manager.h"
#include "agent/guest/services.h"
#include "varlink_interface_texts.h"

struct attach {
    const char *driver;
    int64_t max_bytes;
};

static const struct varlink_field attach_fields[] = {
    { "driver", VARLINK_STRING, offsetof(struct attach, driver), VARLINK_REQUIRED, .min = 1, .max = 63 },
    { "max_bytes", VARLINK_INT, offsetof(struct attach, max_bytes), VARLINK_REQUIRED, .min = 0,
      .max = INT64_MAX },
};

static int on_attach(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct manager *manager = userdata;
    struct attach attach = { 0 };
    struct varlink_fault fault;

    if (varlink_fields_decode(call->parameters, attach_fields, ELEMENTS(attach_fields), 0, &attach, &fault) <
        0)
        return varlink_connection_invalid_parameter(connection, &fault);
    return host_attach(&manager->host, connection, attach.driver, (uint64_t)attach.max_bytes);
}

static const struct varlink_field report_fields[] = {
    { "session", VARLINK_STRING, offsetof(struct host_report, session), VARLINK_REQUIRED, .max = 64 },
    { "id", VARLINK_INT, offsetof(struct host_report, id), VARLINK_REQUIRED, .min = 1, .max = INT64_MAX },
    { "ok", VARLINK_BOOL, offsetof(struct host_report, ok), .flags = VARLINK_REQUIRED },
    { "start", VARLINK_INT, offsetof(struct host_report, start), 0, .min = 0, .max = INT64_MAX },
    { "bytes", VARLINK_INT, offsetof(struct host_report, bytes), 0, .min = 0, .max = INT64_MAX },
    { "limit", VARLINK_INT, offsetof(struct host_report, limit), 0, .min = 0, .max = INT64_MAX },
    { "device", VARLINK_STRING, offsetof(struct host_report, device), 0, .max = 31 },
    { "reason", VARLINK_STRING, offsetof(struct host_report, reason), 0, .max = 31 },
    { "message", VARLINK_STRING, offsetof(struct host_report, message), 0, .max = 1024 },
};

static int on_report(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct host_report report = {
        .start = -1, .bytes = -1, .limit = -1, .device = "", .reason = "", .message = ""
    };
    struct manager *manager = userdata;
    struct varlink_fault fault;
    struct reason reason = { "" };
    int r;

    if (varlink_fields_decode(call->parameters, report_fields, ELEMENTS(report_fields), 0, &report, &fault) <
        0)
        return varlink_connection_invalid_parameter(connection, &fault);
    r = host_report(&manager->host, &report, &reason);
    if (r == -ESTALE)
        return varlink_connection_error(connection, "io.czone.Host.NoSuchSession",
                                        json_pack("{s:s}", "session", report.session));
    if (r == -ENOENT)
        return varlink_connection_error(connection, "io.czone.Host.NoSuchSignal",
                                        json_pack("{s:I}", "id", (json_int_t)report.id));
    if (r < 0)
        return varlink_connection_error(
            connection, "io.czone.Host.BadReport",
            json_pack("{s:I, s:s}", "id", (json_int_t)report.id, "message", reason.text));
    return varlink_connection_reply(connection, json_object());
}

static const struct varlink_method methods[] = {
    { "Attach", VARLINK_METHOD_MORE, on_attach },
    { "Report", 0, on_report },
};

const struct varlink_interface host_service = {
    "io.czone.Host",
    varlink_text_io_czone_Host,
    methods,
    ELEMENTS(methods),
};
