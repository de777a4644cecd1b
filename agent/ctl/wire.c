/* SPDX-License-Identifier: Apache-2.0 */

/* What goes over the wire, and how its failures are told. */

#include <errno.h>
#include <string.h>

#include "agent/ctl/ctl.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/frame.h"

struct known_error {
    const char *id;
    enum exit_code code;
    const char *hint;
};

/* Every error of proto/ that has a code or a hint of its own. */
static const struct known_error known_errors[] = {
    { "io.czone.Container.NoSuchContainer", EXIT_NOT_FOUND, "`czonectl ps` lists the containers" },
    { "io.czone.Container.Exists", EXIT_REFUSED,
      "choose another --id, or remove that container with `czonectl rm`" },
    { "io.czone.Container.KeyReused", EXIT_REFUSED, "a --key belongs to one request: choose a new one" },
    { "io.czone.Container.NoMemory", EXIT_NO_MEMORY,
      "ask for less (`czonectl zones` shows what is there), or have czone-hostd attach to this guest" },
    { "io.czone.Container.NoZoneNode", EXIT_NO_MEMORY, NULL },
    { "io.czone.Container.HostRefused", EXIT_REFUSED,
      "ask for less, or raise the host's limits (czone-hostd(8))" },
    { "io.czone.Container.HostFailed", EXIT_NO_MEMORY, "see the log of czone-hostd on the host" },
    { "io.czone.Container.NoSuchTier", EXIT_USAGE, "`czonectl zones` shows the tiers of this guest" },
    { "io.czone.Container.NoSuchProgram", EXIT_NO_PROGRAM,
      "the program is looked up inside the container's root; give its path there" },
    { "io.czone.Container.NotExecutable", EXIT_CANNOT_RUN, NULL },
    { "io.czone.Container.NoSuchRoot", EXIT_CANNOT_RUN,
      "--root is a directory in the guest, not on the host" },
    { "io.czone.Container.NoSuchUser", EXIT_CANNOT_RUN,
      "the user must be in the root's /etc/passwd; numbers (UID:GID) always work" },
    { "io.czone.Container.BadBundle", EXIT_CANNOT_RUN,
      "change that member of the bundle's config.json (czoned(8) lists what is supported), or let "
      "--runtime crun run it" },
    { "io.czone.Container.NoSuchRuntime", EXIT_CANNOT_RUN,
      "--runtime names a program of the guest; without it czoned runs the bundle itself" },
    { "io.czone.Container.NoSuchLayer", EXIT_CANNOT_RUN,
      "--layer is a directory or a block device in the guest, not on the host" },
    { "io.czone.Container.NoSuchSource", EXIT_CANNOT_RUN,
      "the source of --mount is in the guest, not on the host" },
    { "io.czone.Container.WrongState", EXIT_REFUSED, NULL },
    { "io.czone.Container.NoSuchExec", EXIT_NOT_FOUND, NULL },
    { "io.czone.Container.NoInput", EXIT_REFUSED, "start it with --interactive to write to it" },
    { "io.czone.Container.NoTerminal", EXIT_REFUSED, "start it with --tty to give it a terminal" },
    { "io.czone.Container.NoSuchOffset", EXIT_USAGE, NULL },
    { "io.czone.Container.Timeout", EXIT_TIMED_OUT, NULL },
    { "io.czone.Container.LimitRefused", EXIT_REFUSED,
      "`czonectl update ID` without options shows the limits, `czonectl stats` what is used" },
    { "io.czone.Container.TooMany", EXIT_REFUSED, "remove containers that are done with `czonectl rm`" },
    { "io.czone.Container.System", EXIT_FAILED, NULL },
    { "io.czone.Zone.NoSuchZone", EXIT_NOT_FOUND, "`czonectl zones` lists the zones" },
    { "io.czone.Zone.NotBound", EXIT_NOT_FOUND, "only a zone with a running container can be compared" },
    { "io.czone.Zone.System", EXIT_FAILED, NULL },
    { "io.czone.Monitor.TooManySubscribers", EXIT_REFUSED, NULL },
    { "io.czone.Monitor.TooManyConnections", EXIT_REFUSED, "close connections, or wait until some are idle" },
    { "io.czone.Monitor.Busy", EXIT_REFUSED, "nothing was done: try again" },
    { "org.varlink.service.InvalidParameter", EXIT_USAGE, NULL },
    { "org.varlink.service.PermissionDenied", EXIT_REFUSED,
      "the guest's policy does not allow this to who you are" },
    { "org.varlink.service.InterfaceNotFound", EXIT_CONNECTION,
      "who answers at this address is not czoned, or one of another version" },
    { "org.varlink.service.MethodNotFound", EXIT_CONNECTION, "the guest's czoned is of another version" },
    { "org.varlink.service.MethodNotImplemented", EXIT_CONNECTION,
      "the guest's czoned is of another version" },
};

static const struct known_error *find_error(const char *error)
{
    for (size_t i = 0; i < ELEMENTS(known_errors); i++)
        if (!strcmp(known_errors[i].id, error))
            return &known_errors[i];
    return NULL;
}

enum exit_code ctl_code_of_error(const char *error)
{
    const struct known_error *known = find_error(error);

    return known ? known->code : EXIT_FAILED;
}

static const char *text_member(json_t *parameters, const char *name)
{
    const char *text = json_string_value(json_object_get(parameters, name));

    return text && *text ? text : NULL;
}

enum exit_code ctl_error_reply(const struct ctl *ctl, const char *error, json_t *parameters)
{
    const struct known_error *known = find_error(error);
    const char *message = text_member(parameters, "message"),
               *parameter = text_member(parameters, "parameter"), *member = text_member(parameters, "member");

    if (parameter)
        ctl_error(ctl, "the guest does not accept '%s'%s%s", parameter, message ? ": " : "",
                  message ? message : "");
    else if (message)
        ctl_error(ctl, "%s", message);
    else
        ctl_error(ctl, "the guest answered %s", error);
    /* No member of it, but all of it. */
    if (member && !strcmp(member, "config.json"))
        ctl_hint(ctl, "--bundle is a directory in the guest, not on the host");
    else
        ctl_hint(ctl, known ? known->hint : NULL);
    return known ? known->code : EXIT_FAILED;
}

enum exit_code ctl_bad_reply(const struct ctl *ctl, const char *method, const char *field, const char *what)
{
    ctl_error(ctl, "the guest's answer to %s makes no sense: %s%s%s", method, field, *field ? ": " : "",
              what);
    ctl_hint(ctl, "who answers is not czoned, or one of another version");
    return EXIT_CONNECTION;
}

enum exit_code ctl_connect_failed(const struct ctl *ctl, int error, const struct reason *reason)
{
    ctl_error(ctl, "%s", reason->text);
    if (!ctl->address_given)
        ctl_hint(ctl, "this is the address inside a guest; on the host say which VM is meant with --vm "
                      "or " CTL_ADDRESS_VARIABLE ": vsock:CID, hvsock:PATH or unix:PATH");
    else if (error == -EACCES || error == -EPERM)
        ctl_hint(ctl, "that needs more rights: try as root");
    else if (ctl->address.type == ADDRESS_VSOCK && (error == -ENODEV || error == -EAFNOSUPPORT))
        ctl_hint(
            ctl,
            "this machine has no vsock to guests: load vhost_vsock, or use hvsock: with vhost-device-vsock");
    else if (!ctl->options.retry)
        ctl_hint(ctl, "does the VM run, and czoned in it? --retry SECONDS waits for a guest that boots");
    return EXIT_CONNECTION;
}

enum exit_code ctl_connect_socket(const struct ctl *ctl, int *ret_fd)
{
    struct reason reason = { 0 };
    bool wait = ctl->options.retry > 0;
    int r;

    r = address_connect(&ctl->address, wait ? (int)ctl->options.retry * 1000 : CTL_CONNECT_MS,
                        wait ? ADDRESS_WAIT : 0, ret_fd, &reason);
    return r < 0 ? ctl_connect_failed(ctl, r, &reason) : EXIT_OK;
}

enum exit_code ctl_connect(const struct ctl *ctl, struct varlink_client **ret)
{
    CLEANUP_FD int fd = -EBADF;
    enum exit_code code = ctl_connect_socket(ctl, &fd);

    if (code)
        return code;
    if (varlink_client_new(fd, ret) < 0)
        return ctl_no_memory(ctl);
    (void)take_fd(&fd);
    return EXIT_OK;
}

enum exit_code ctl_connection_lost(const struct ctl *ctl, const struct varlink_client *client, int error)
{
    char text[ADDRESS_TEXT_MAX];
    const char *why = varlink_client_reason(client);

    (void)address_format(&ctl->address, text);
    if (error == -ETIMEDOUT) {
        ctl_error(ctl, "%s does not answer", text);
        ctl_hint(ctl, "the guest may be stopped or overloaded");
        return EXIT_TIMED_OUT;
    }
    ctl_error(ctl, "the connection to %s broke: %s", text, *why ? why : strerror(-error));
    return EXIT_CONNECTION;
}

enum exit_code ctl_too_long(const struct ctl *ctl)
{
    ctl_error(ctl, "the request is longer than the protocol allows (%zu KiB)",
              (size_t)VARLINK_MESSAGE_MAX / 1024);
    return EXIT_USAGE;
}

enum exit_code ctl_exchange(struct ctl *ctl, const char *method, json_t *parameters, int timeout_ms,
                            struct varlink_reply *ret)
{
    CLEANUP_JSON json_t *owned = parameters;
    enum exit_code code = EXIT_OK;
    int r;

    if (!owned)
        return ctl_no_memory(ctl);
    if (!ctl->client)
        code = ctl_connect(ctl, &ctl->client);
    if (code)
        return code;
    r = varlink_client_call(ctl->client, method, TAKE(owned), 0, timeout_ms, ret);
    if (r == -EMSGSIZE)
        return ctl_too_long(ctl);
    if (r < 0) {
        code = ctl_connection_lost(ctl, ctl->client, r);
        ctl->client = varlink_client_free(ctl->client);
    }
    return code;
}

enum exit_code ctl_call(struct ctl *ctl, const char *method, json_t *parameters, int timeout_ms, json_t **ret)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT;
    enum exit_code code = ctl_exchange(ctl, method, parameters, timeout_ms, &reply);

    if (!code && reply.error)
        code = ctl_error_reply(ctl, reply.error, reply.parameters);
    else if (!code && ret)
        *ret = json_incref(reply.parameters);
    varlink_reply_done(&reply);
    return code;
}
