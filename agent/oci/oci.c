/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/cleanup.h"

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

int oci_connect(const struct oci *oci, struct varlink_client **ret_client)
{
    struct address address;
    struct reason reason;

    if (address_parse(oci->address, &address, &reason) < 0)
        return oci_error(oci, "--address: %s", reason.text);
    if (varlink_client_connect(&address, OCI_ANSWER_MS, 0, ret_client, &reason) < 0)
        return oci_error(oci, "cannot connect to czoned: %s (does czoned run?)", reason.text);
    return EXIT_SUCCESS;
}

static void free_client(struct varlink_client **client)
{
    (void)varlink_client_free(*client);
}

int oci_call(const struct oci *oci, const char *method, json_t *parameters, int timeout_ms,
             const char *unless, json_t **ret)
{
    CLEANUP(free_client) struct varlink_client *client = NULL;
    CLEANUP(varlink_reply_done) struct varlink_reply reply = { 0 };
    const char *message;
    int r;

    if (oci_connect(oci, &client) != EXIT_SUCCESS) {
        json_decref(parameters);
        return EXIT_FAILURE;
    }
    r = varlink_client_call(client, method, parameters, 0, timeout_ms, &reply);
    if (r < 0)
        return oci_error(oci, "%s: %s %s", method, strerror(-r), varlink_client_reason(client));
    if (reply.error != NULL && (unless == NULL || strcmp(reply.error, unless) != 0)) {
        message = json_string_value(json_object_get(reply.parameters, "message"));
        if (message == NULL)
            message = json_string_value(json_object_get(reply.parameters, "parameter"));
        return oci_error(oci, "%s (%s)", message != NULL ? message : method, reply.error);
    }
    if (ret != NULL)
        *ret = reply.error == NULL ? json_incref(reply.parameters) : NULL;
    return EXIT_SUCCESS;
}
