/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/guest/manager.h"
#include "agent/guest/services.h"
#include "varlink_interface_texts.h"

static int on_subscribe(struct varlink_connection *connection, const struct varlink_call *call,
                        void *userdata)
{
    struct manager *manager = userdata;
    struct varlink_fault fault;
    int r;

    if (varlink_fields_decode(call->parameters, NULL, 0, 0, NULL, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    r = subscribers_add(&manager->subscribers, connection);
    if (r == -E2BIG)
        return varlink_connection_error(connection, "io.czone.Monitor.TooManySubscribers",
                                        json_pack("{s:i}", "limit", (int)SUBSCRIBERS_MAX));
    return r;
}

static const struct varlink_method methods[] = {
    { "Subscribe", VARLINK_METHOD_MORE, on_subscribe },
};

const struct varlink_interface monitor_service = {
    "io.czone.Monitor",
    varlink_text_io_czone_Monitor,
    methods,
    ELEMENTS(methods),
};
