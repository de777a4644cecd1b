/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/frame.h"
#include "proto/text.h"

void varlink_call_done(struct varlink_call *call)
{
    free(call->method);
    json_decref(call->parameters);
    *call = VARLINK_CALL_INIT;
}

void varlink_reply_done(struct varlink_reply *reply)
{
    free(reply->error);
    json_decref(reply->parameters);
    *reply = VARLINK_REPLY_INIT;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* One component of an interface's name: letters, digits and inner hyphens; the first begins with a letter. */
static bool is_component(const char *text, size_t length, bool first)
{
    if (length == 0 || text[length - 1] == '-' || !(first ? is_letter(text[0]) : is_alphanumeric(text[0])))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(text[i]) && text[i] != '-')
            return false;
    return true;
}

size_t varlink_name_interface(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t components = 0;

    if (!dot || dot[1] < 'A' || dot[1] > 'Z' || strlen(name) > VARLINK_NAME_MAX)
        return 0;
    for (const char *c = dot + 1; *c; c++)
        if (!is_alphanumeric(*c))
            return 0;
    for (const char *at = name; at <= dot; at++, components++) {
        size_t length = strcspn(at, ".");

        if (!is_component(at, length, components == 0))
            return 0;
        at += length;
    }
    return components >= 2 ? (size_t)(dot - name) : 0;
}

/* Members that the specification does not define are a vendor's, named by its domain; anything else is an
 * error. */
static int check_foreign_member(const char *key, const json_t *value, struct reason *reason)
{
    if (!strchr(key, '.'))
        return reason_fail(reason, -EPROTO, "the message has an unknown member '%.64s'", key);
    if (!json_is_object(value))
        return reason_fail(reason, -EPROTO, "the vendor member '%.64s' of the message is not an object", key);
    return 0;
}

static int take_parameters(json_t *value, json_t **ret, struct reason *reason)
{
    if (json_is_null(value))
        return 0;
    if (!json_is_object(value))
        return reason_fail(reason, -EPROTO, "the member 'parameters' of the message is not an object");
    *ret = json_incref(value);
    return 0;
}

static int take_name(const json_t *value, const char *key, char **ret, struct reason *reason)
{
    const char *name = json_string_value(value);
    size_t length = json_string_length(value);

    if (!name || length == 0 || length > VARLINK_NAME_MAX || strlen(name) != length)
        return reason_fail(reason, -EPROTO, "the member '%s' of the message is not a name of 1 to %u bytes",
                           key, VARLINK_NAME_MAX);
    *ret = strdup(name);
    return *ret ? 0 : reason_fail(reason, -ENOMEM, "out of memory");
}

static int take_flag(const json_t *value, const char *key, unsigned int flag, unsigned int *flags,
                     struct reason *reason)
{
    /* ?bool: null is absent. */
    if (!json_is_boolean(value) && !json_is_null(value))
        return reason_fail(reason, -EPROTO, "the member '%s' of the message is not a boolean", key);
    if (!json_is_true(value))
        return 0;
    if (*flags != 0)
        return reason_fail(reason, -EPROTO, "the call sets more than one of 'more', 'oneway' and 'upgrade'");
    *flags = flag;
    return 0;
}

static int call_take_member(struct varlink_call *call, const char *key, json_t *value, struct reason *reason)
{
    if (strcmp(key, "method") == 0)
        return take_name(value, key, &call->method, reason);
    if (strcmp(key, "parameters") == 0)
        return take_parameters(value, &call->parameters, reason);
    if (strcmp(key, "more") == 0)
        return take_flag(value, key, VARLINK_MORE, &call->flags, reason);
    if (strcmp(key, "oneway") == 0)
        return take_flag(value, key, VARLINK_ONEWAY, &call->flags, reason);
    if (strcmp(key, "upgrade") == 0)
        return take_flag(value, key, VARLINK_UPGRADE, &call->flags, reason);
    return check_foreign_member(key, value, reason);
}

int varlink_call_decode(const char *text, size_t length, struct varlink_call *ret, struct reason *reason)
{
    CLEANUP_JSON json_t *object = NULL;
    CLEANUP(varlink_call_done) struct varlink_call call = VARLINK_CALL_INIT;
    const char *key;
    json_t *value;
    int r = varlink_text_parse(text, length, &object, reason);

    if (r < 0)
        return r;
    json_object_foreach(object, key, value) {
        r = call_take_member(&call, key, value, reason);
        if (r < 0)
            return r;
    }
    if (!call.method)
        return reason_fail(reason, -EPROTO, "the call names no method");
    if (!call.parameters)
        call.parameters = json_object();
    if (!call.parameters)
        return reason_fail(reason, -ENOMEM, "out of memory");
    call.length = length;
    *ret = call;
    call = VARLINK_CALL_INIT;
    return 0;
}

static int reply_take_member(struct varlink_reply *reply, const char *key, json_t *value,
                             struct reason *reason)
{
    unsigned int continues = 0;
    int r;

    if (strcmp(key, "parameters") == 0)
        return take_parameters(value, &reply->parameters, reason);
    if (strcmp(key, "error") == 0)
        return json_is_null(value) ? 0 : take_name(value, key, &reply->error, reason);
    if (strcmp(key, "continues") == 0) {
        r = take_flag(value, key, VARLINK_MORE, &continues, reason);
        reply->continues = continues != 0;
        return r;
    }
    return check_foreign_member(key, value, reason);
}

int varlink_reply_decode(const char *text, size_t length, struct varlink_reply *ret, struct reason *reason)
{
    CLEANUP_JSON json_t *object = NULL;
    CLEANUP(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_INIT;
    const char *key;
    json_t *value;
    int r = varlink_text_parse(text, length, &object, reason);

    if (r < 0)
        return r;
    json_object_foreach(object, key, value) {
        r = reply_take_member(&reply, key, value, reason);
        if (r < 0)
            return r;
    }
    if (reply.error && varlink_name_interface(reply.error) == 0)
        return reason_fail(reason, -EPROTO, "the reply's error '%.64s' is not a name like interface.Error",
                           reply.error);
    if (reply.error && reply.continues)
        return reason_fail(reason, -EPROTO, "the reply is an error and yet continues");
    if (!reply.parameters)
        reply.parameters = json_object();
    if (!reply.parameters)
        return reason_fail(reason, -ENOMEM, "out of memory");
    *ret = reply;
    reply = VARLINK_REPLY_INIT;
    return 0;
}

/* Adds the parameters, unless there are none, and prints. */
static int encode(json_t *object, json_t *parameters, char **ret_text, size_t *ret_length)
{
    CLEANUP_FREE char *text = NULL;
    size_t length;

    if (parameters && !json_is_object(parameters))
        return -EINVAL;
    if (json_object_size(parameters) > 0 && json_object_set(object, "parameters", parameters) < 0)
        return -ENOMEM;
    text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text)
        return -ENOMEM;
    length = strlen(text);
    if (length > VARLINK_MESSAGE_MAX)
        return -EMSGSIZE;
    *ret_text = TAKE(text);
    *ret_length = length + 1;
    return 0;
}

int varlink_call_encode(const char *method, json_t *parameters, unsigned int flags, char **ret_text,
                        size_t *ret_length)
{
    CLEANUP_JSON json_t *object = json_object();
    const char *flag = flags == VARLINK_MORE ? "more" : flags == VARLINK_ONEWAY ? "oneway" : NULL;

    if ((flags != 0 && !flag) || varlink_name_interface(method) == 0)
        return -EINVAL;
    if (json_object_set_new(object, "method", json_string(method)) < 0)
        return -ENOMEM;
    if (flag && json_object_set_new(object, flag, json_true()) < 0)
        return -ENOMEM;
    return encode(object, parameters, ret_text, ret_length);
}

int varlink_reply_encode(const char *error, json_t *parameters, bool continues, char **ret_text,
                         size_t *ret_length)
{
    CLEANUP_JSON json_t *object = json_object();

    if (!object)
        return -ENOMEM;
    if (error && (continues || varlink_name_interface(error) == 0))
        return -EINVAL;
    if (error && json_object_set_new(object, "error", json_string(error)) < 0)
        return -ENOMEM;
    if (continues && json_object_set_new(object, "continues", json_true()) < 0)
        return -ENOMEM;
    return encode(object, parameters, ret_text, ret_length);
}
