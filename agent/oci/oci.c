/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/cleanup.h"
#include "proto/dial.h"
#include "proto/text.h"

#define RETRY_MS 250
/* As czoned reads a config.json. */
#define DOCUMENT_MAX ((size_t)256 * 1024)

/* As podman and containerd read it: one object per line, with level, msg and time. */
static void append_to_log(const struct oci *oci, const char *text)
{
    char when[32] = "", *line;
    time_t now = time(NULL);
    struct tm tm;
    json_t *object;
    FILE *file;

    file = fopen(oci->log, "ae");
    if (file == NULL)
        return; /* standard error has it */
    if (gmtime_r(&now, &tm) != NULL)
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (oci->log_json) {
        object = json_pack("{s:s, s:s, s:s}", "level", "error", "msg", text, "time", when);
        line = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
        (void)fprintf(file, "%s\n", line != NULL ? line : "{\"level\":\"error\",\"msg\":\"out of memory\"}");
        free(line);
        json_decref(object);
    } else {
        (void)fprintf(file, "time=\"%s\" level=error msg=\"%s\"\n", when, text);
    }
    (void)fclose(file);
}

int oci_error(const struct oci *oci, const char *format, ...)
{
    struct reason reason;
    va_list list;

    va_start(list, format);
    reason_set_list(&reason, format, list);
    va_end(list);
    (void)fprintf(stderr, "czone-oci: %s\n", reason.text);
    if (oci->log != NULL)
        append_to_log(oci, reason.text);
    return EXIT_FAILURE;
}

int64_t oci_ticks(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void free_client(struct varlink_client **client)
{
    (void)varlink_client_free(*client);
}

/* One attempt. Returns 0 and a reply, the caller's; or a negative errno. *ret_connected is set when there was
 * a connection, so that it is a restart if that breaks. */
static int attempt(const struct oci *oci, const char *method, json_t *parameters, int timeout_ms,
                   struct varlink_reply *ret_reply, bool *ret_connected, struct reason *reason)
{
    CLEANUP(free_client) struct varlink_client *client = NULL;
    struct address address;
    int r = address_parse(oci->address, &address, reason);

    if (r == 0)
        r = varlink_client_connect(&address, OCI_ANSWER_MS, 0, &client, reason);
    if (r < 0)
        return r;
    *ret_connected = true;
    r = varlink_client_call(client, method, json_incref(parameters), 0, timeout_ms, ret_reply);
    if (r < 0)
        reason_set(reason, "%s: %s %s", method, strerror(-r), varlink_client_reason(client));
    return r;
}

static bool is_broken(int r)
{
    return (dial_may_retry(r) && r != -ETIMEDOUT) || r == -ENOTCONN || r == -ECONNABORTED;
}

static bool is_error(const struct varlink_reply *reply, const char *error)
{
    return reply->error != NULL && error != NULL && strcmp(reply->error, error) == 0;
}

/* Attempts, as long as there is hope. Returns as attempt(). */
static int insist(const struct oci *oci, enum oci_repeat repeat, const char *method, json_t *parameters,
                  int timeout_ms, struct varlink_reply *reply, struct reason *reason)
{
    int64_t give_up = oci_ticks() + OCI_PATIENCE_MS;
    bool broken = false;

    for (;;) {
        bool connected = false;
        int r = attempt(oci, method, parameters, timeout_ms, reply, &connected, reason);

        if (r == 0 && !is_error(reply, "io.czone.Monitor.Busy"))
            return 0;
        /* Patience is with a restart, which begins when the connection breaks. */
        if (r < 0 && connected && !broken) {
            broken = true;
            give_up = oci_ticks() + OCI_PATIENCE_MS;
        }
        if (r < 0 && (repeat == OCI_ONCE || !broken || !is_broken(r)))
            return r;
        if (oci_ticks() >= give_up)
            return r;
        varlink_reply_done(reply);
        (void)poll(NULL, 0, RETRY_MS);
    }
}

/* What callers look for in a message, so as to end with 127 as a shell does: runc's words. */
static const char *words_of(const char *error)
{
    return error != NULL && strcmp(error, "io.czone.Container.NoSuchProgram") == 0
               ? "executable file not found in $PATH: "
               : "";
}

static int tell_error(const struct oci *oci, const char *method, const struct varlink_reply *reply)
{
    const char *message = json_string_value(json_object_get(reply->parameters, "message"));

    if (message == NULL)
        message = json_string_value(json_object_get(reply->parameters, "parameter"));
    return oci_error(oci, "%s%s (%s)", words_of(reply->error), message != NULL ? message : method,
                     reply->error);
}

int oci_call(const struct oci *oci, enum oci_repeat repeat, const char *method, json_t *parameters,
             int timeout_ms, const char *unless, json_t **ret)
{
    CLEANUP(varlink_reply_done) struct varlink_reply reply = { 0 };
    CLEANUP_JSON json_t *owned = parameters;
    struct reason reason = { 0 };
    int r;

    if (owned == NULL)
        return oci_error(oci, "out of memory");
    r = insist(oci, repeat, method, owned, timeout_ms, &reply, &reason);
    if (r < 0)
        return oci_error(oci, "czoned at %s: %s (does it run?)", oci->address, reason.text);
    if (reply.error != NULL && !is_error(&reply, unless))
        return tell_error(oci, method, &reply);
    if (ret != NULL)
        *ret = reply.error == NULL ? json_incref(reply.parameters) : NULL;
    return EXIT_SUCCESS;
}

int oci_failure(const struct oci *oci, const json_t *object)
{
    const json_t *failure = json_object_get(object, "failure");
    const char *message = json_string_value(json_object_get(failure, "message"));
    const char *error = json_string_value(json_object_get(failure, "id"));

    if (!json_is_object(failure))
        return EXIT_SUCCESS;
    return oci_error(oci, "%s%s", words_of(error),
                     message != NULL ? message : "it failed, and czoned does not say why");
}

/* Returns 0 and the text, the caller's; or a negative errno. */
static int read_text(const char *path, char **ret_text, size_t *ret_length)
{
    CLEANUP_FREE char *text = malloc(DOCUMENT_MAX + 1);
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n;

    if (text == NULL)
        return -ENOMEM;
    if (fd < 0)
        return -errno;
    do {
        n = read(fd, text + length, DOCUMENT_MAX + 1 - length);
        if (n < 0 && errno != EINTR)
            return -errno;
        length += n > 0 ? (size_t)n : 0;
    } while (n != 0 && length <= DOCUMENT_MAX);
    if (length > DOCUMENT_MAX)
        return -EFBIG;
    *ret_text = TAKE(text);
    *ret_length = length;
    return 0;
}

int oci_document(const struct oci *oci, const char *path, json_t **ret_document)
{
    CLEANUP_FREE char *text = NULL;
    struct reason reason;
    size_t length = 0;
    int r = read_text(path, &text, &length);

    if (r < 0)
        return oci_error(oci, "cannot read %s: %s", path, strerror(-r));
    /* Not jansson's own reader: that has no number beyond 2^63, and RLIM_INFINITY is one. */
    r = varlink_text_parse(text, length, ret_document, &reason);
    return r < 0 ? oci_error(oci, "%s: %s", path, r == -ENOMEM ? "out of memory" : reason.text)
                 : EXIT_SUCCESS;
}

int oci_pid_file(const struct oci *oci, const char *path, pid_t pid)
{
    FILE *file;
    int r;

    if (path == NULL)
        return EXIT_SUCCESS;
    file = fopen(path, "we");
    if (file == NULL)
        return oci_error(oci, "%s: %s", path, strerror(errno));
    r = fprintf(file, "%d", (int)pid);
    return fclose(file) != 0 || r < 0 ? oci_error(oci, "cannot write %s", path) : EXIT_SUCCESS;
}
