/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"
#include "varlink_interface_texts.h"

/* One turn of a peer that pipelines must not keep a loop from the others. */
#define CALLS_PER_TURN 4

struct offer {
    const struct varlink_interface *interface;
    void *userdata; /* for its handlers */
};

struct varlink_service {
    struct varlink_service_info info;
    void *userdata;
    varlink_authorize authorize;
    varlink_defer defer;
    struct offer *offers;
    size_t n_offers;
};

/* Does a line of the text declare `keyword name`? `name` need not be NUL-terminated. */
static bool text_declares(const char *text, const char *keyword, const char *name, size_t length)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, " \t");

        if (strncmp(at, keyword, strlen(keyword)) != 0)
            continue;
        at += strlen(keyword);
        if (*at != ' ' && *at != '\t')
            continue;
        at += strspn(at, " \t");
        if (strncmp(at, name, length) == 0 && strchr(" \t\r\n(#", at[length])) /* the text's end counts too */
            return true;
    }
    return false;
}

static const struct offer *service_find(const struct varlink_service *service, const char *name,
                                        size_t length)
{
    for (size_t i = 0; i < service->n_offers; i++) {
        const char *candidate = service->offers[i].interface->name;

        if (strlen(candidate) == length && memcmp(candidate, name, length) == 0)
            return &service->offers[i];
    }
    return NULL;
}

static int service_append(struct varlink_service *service, const struct varlink_interface *interface,
                          void *userdata)
{
    size_t length = strlen(interface->name);
    struct offer *offers;

    if (!text_declares(interface->description, "interface", interface->name, length))
        return -EINVAL;
    for (size_t i = 0; i < interface->n_methods; i++)
        if (!text_declares(interface->description, "method", interface->methods[i].name,
                           strlen(interface->methods[i].name)))
            return -EINVAL;
    if (service_find(service, interface->name, length))
        return -EEXIST;
    offers = reallocarray(service->offers, service->n_offers + 1, sizeof(*offers));
    if (!offers)
        return -ENOMEM;
    service->offers = offers;
    service->offers[service->n_offers++] = (struct offer){ interface, userdata };
    return 0;
}

static int on_get_info(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    const struct varlink_service *service = userdata;
    CLEANUP_JSON json_t *interfaces = json_array();
    struct varlink_fault fault;

    if (varlink_fields_decode(call->parameters, NULL, 0, 0, NULL, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    for (size_t i = 0; i < service->n_offers; i++)
        if (json_array_append_new(interfaces, json_string(service->offers[i].interface->name)) < 0)
            return -ENOMEM;
    return varlink_connection_reply(
        connection, json_pack("{s:s, s:s, s:s, s:s, s:O}", "vendor", service->info.vendor, "product",
                              service->info.product, "version", service->info.version, "url",
                              service->info.url, "interfaces", interfaces));
}

static int on_get_description(struct varlink_connection *connection, const struct varlink_call *call,
                              void *userdata)
{
    static const struct varlink_field fields[] = {
        { "interface", VARLINK_STRING, 0, VARLINK_REQUIRED, .max = VARLINK_NAME_MAX },
    };
    const struct varlink_service *service = userdata;
    const char *name = NULL;
    const struct offer *offer;
    struct varlink_fault fault;

    if (varlink_fields_decode(call->parameters, fields, ELEMENTS(fields), 0, &name, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    offer = service_find(service, name, strlen(name));
    if (!offer)
        return varlink_connection_interface_not_found(connection, name);
    return varlink_connection_reply(connection,
                                    json_pack("{s:s}", "description", offer->interface->description));
}

int varlink_service_new(const struct varlink_service_info *info, void *userdata, struct varlink_service **ret)
{
    static const struct varlink_method methods[] = {
        { "GetInfo", 0, on_get_info },
        { "GetInterfaceDescription", 0, on_get_description },
    };
    static const struct varlink_interface interface = {
        "org.varlink.service",
        varlink_text_org_varlink_service,
        methods,
        ELEMENTS(methods),
    };
    struct varlink_service *service = malloc(sizeof(*service));
    int r;

    if (!service)
        return -ENOMEM;
    *service = (struct varlink_service){ .info = *info, .userdata = userdata };
    r = service_append(service, &interface, service);
    if (r < 0) {
        varlink_service_free(service);
        return r;
    }
    *ret = service;
    return 0;
}

struct varlink_service *varlink_service_free(struct varlink_service *service)
{
    if (service)
        free(service->offers);
    free(service);
    return NULL;
}

int varlink_service_add(struct varlink_service *service, const struct varlink_interface *interface)
{
    return service_append(service, interface, service->userdata);
}

void varlink_service_set_authorize(struct varlink_service *service, varlink_authorize authorize)
{
    service->authorize = authorize;
}

void varlink_service_set_defer(struct varlink_service *service, varlink_defer defer)
{
    service->defer = defer;
}

static const struct varlink_method *interface_find(const struct varlink_interface *interface,
                                                   const char *name)
{
    for (size_t i = 0; i < interface->n_methods; i++)
        if (strcmp(interface->methods[i].name, name) == 0)
            return &interface->methods[i];
    return NULL;
}

static int service_dispatch(struct varlink_service *service, struct varlink_connection *connection,
                            const struct varlink_call *call)
{
    size_t length = varlink_name_interface(call->method);
    const char *name = call->method + length + 1;
    const struct varlink_method *method;
    const struct offer *offer;
    CLEANUP_FREE char *interface_name = NULL;
    int r = service->authorize ? service->authorize(connection, call, service->userdata) : 0;

    if (r == -EACCES)
        return varlink_connection_permission_denied(connection);
    if (r != 0)
        return r;
    if (length == 0)
        return varlink_connection_method_not_found(connection, call->method);
    offer = service_find(service, call->method, length);
    if (!offer) {
        interface_name = strndup(call->method, length);
        return interface_name ? varlink_connection_interface_not_found(connection, interface_name) : -ENOMEM;
    }
    method = interface_find(offer->interface, name);
    if (!method && !text_declares(offer->interface->description, "method", name, strlen(name)))
        return varlink_connection_method_not_found(connection, call->method);
    /* No method of ours can be upgraded, and a plain reply would confirm that it was. */
    if (!method || (call->flags & VARLINK_UPGRADE))
        return varlink_connection_method_not_implemented(connection, call->method);
    if ((method->flags & VARLINK_METHOD_MORE) && !(call->flags & VARLINK_MORE))
        return varlink_connection_expected_more(connection);
    if ((method->flags & VARLINK_METHOD_SLOW) && service->defer)
        return service->defer(connection, call, method->handler, offer->userdata);
    return method->handler(connection, call, offer->userdata);
}

/* Returns 1, or a negative errno if the connection is over. */
static int service_serve(struct varlink_service *service, struct varlink_connection *connection)
{
    const struct varlink_call *call;

    for (int i = 0; i < CALLS_PER_TURN; i++) {
        int r = varlink_connection_next_call(connection, &call);

        if (r < 0)
            return r;
        if (r == 0)
            return 1;
        r = service_dispatch(service, connection, call);
        if (r < 0)
            return varlink_connection_break(connection, r, "a call could not be answered");
    }
    return 1;
}

int varlink_service_process(struct varlink_service *service, struct varlink_connection *connection,
                            short revents)
{
    int r;

    varlink_connection_ref(connection); /* a handler may drop it */
    r = varlink_connection_process(connection, revents);
    if (r > 0)
        r = service_serve(service, connection);
    if (r != 0)
        r = varlink_connection_process(connection, 0);
    varlink_connection_unref(connection);
    return r;
}
