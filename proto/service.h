/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SERVICE_H
#define PROTO_SERVICE_H

/*
 * What a server offers: interfaces, their texts and their methods. Dispatches calls to handlers and answers
 * org.varlink.service itself.
 *
 *     static const struct varlink_method methods[] = {
 *         { "Spawn", 0, on_spawn },
 *         { "Logs", VARLINK_METHOD_MORE, on_logs },
 *     };
 *     static const struct varlink_interface interface = {
 *         "io.czone.Container", varlink_text_io_czone_Container, methods, ELEMENTS(methods),
 *     };
 */

#include "proto/connection.h"

enum {
    VARLINK_METHOD_MORE = 1 << 0, /* makes no sense without `more`: other calls get ExpectedMore */
    VARLINK_METHOD_SLOW = 1 << 1, /* goes through the service's defer function, if it has one */
};

/*
 * Answers a call with the functions of connection.h, now or later; later it must hold a reference to the
 * connection.
 *
 * @call      valid until the final reply; keep `parameters` longer with json_incref()
 * @userdata  the service's
 *
 * Returns 0 if it replied or will reply, or a negative errno if it cannot: that ends the connection.
 */
typedef int (*varlink_handler)(struct varlink_connection *connection, const struct varlink_call *call,
                               void *userdata);

struct varlink_method {
    const char *name; /* without the interface */
    unsigned int flags;
    varlink_handler handler;
};

struct varlink_interface {
    const char *name;
    const char *description; /* its .varlink text */
    const struct varlink_method *methods;
    size_t n_methods;
};

/* What GetInfo says. */
struct varlink_service_info {
    const char *vendor;
    const char *product;
    const char *version;
    const char *url;
};

/*
 * Asked before each call, org.varlink.service's included.
 *
 * Returns 0 to allow, -EACCES to answer PermissionDenied, 1 if it answered the call itself; any other
 * negative errno ends the connection.
 */
typedef int (*varlink_authorize)(struct varlink_connection *connection, const struct varlink_call *call,
                                 void *userdata);

/*
 * Given the calls of slow methods instead of their handler, which it calls later, with the same arguments, or
 * now; or it answers itself. The call stays valid until its final reply or the end of the connection.
 *
 * Returns as a handler.
 */
typedef int (*varlink_defer)(struct varlink_connection *connection, const struct varlink_call *call,
                             varlink_handler handler, void *userdata);

struct varlink_service;

/*
 * @info      borrowed strings: they must outlive the service
 * @userdata  given to every handler
 *
 * Returns 0 or -ENOMEM.
 */
int varlink_service_new(const struct varlink_service_info *info, void *userdata,
                        struct varlink_service **ret);

/* Accepts NULL. Returns NULL. Connections are not its property. */
struct varlink_service *varlink_service_free(struct varlink_service *service);

/*
 * Adds an interface; borrowed, must outlive the service. A method that the text declares and the table lacks
 * answers MethodNotImplemented.
 *
 * Returns 0, -EEXIST, -ENOMEM, or -EINVAL (the text is not that interface's, or does not declare a method of
 * the table).
 */
int varlink_service_add(struct varlink_service *service, const struct varlink_interface *interface);

void varlink_service_set_authorize(struct varlink_service *service, varlink_authorize authorize);
void varlink_service_set_defer(struct varlink_service *service, varlink_defer defer);

/*
 * One turn for one connection: reads, dispatches every call that is ready (a bounded number: for the
 * rest events() asks for another turn), writes. Returns as varlink_connection_process(): 1 go on, 0 finished,
 * negative errno broken.
 */
int varlink_service_process(struct varlink_service *service, struct varlink_connection *connection,
                            short revents);

#endif
