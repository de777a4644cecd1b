/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/wire.h"

#include <errno.h>
#include <string.h>

static const char *const kinds[] = { "plug", "unplug", "cancel", NULL };

struct raw_signal {
    int64_t id, bytes, start;
    int kind;
    const char *tier, *zone;
};

struct raw_attach {
    const char *session;
    int64_t block_size;
    json_t *signal;
};

static const struct varlink_field attach_fields[] = {
    { "session", VARLINK_STRING, offsetof(struct raw_attach, session), VARLINK_REQUIRED, .min = 1,
      .max = WIRE_SESSION_MAX },
    /* Linux has 128 MiB to 2 GiB on x86; an arm64 with 64 KiB pages 512 MiB. */
    { "block_size", VARLINK_INT, offsetof(struct raw_attach, block_size), VARLINK_REQUIRED, .min = 1 << 20,
      .max = INT64_C(1) << 40 },
    { .name = "signal", .type = VARLINK_OBJECT, .offset = offsetof(struct raw_attach, signal) },
};

static const struct varlink_field signal_fields[] = {
    { "id", VARLINK_INT, offsetof(struct raw_signal, id), VARLINK_REQUIRED, .min = 0, .max = INT64_MAX },
    { "kind", VARLINK_ENUM, offsetof(struct raw_signal, kind), VARLINK_REQUIRED, .choices = kinds },
    { "bytes", VARLINK_INT, offsetof(struct raw_signal, bytes), VARLINK_REQUIRED, .min = 0,
      .max = INT64_MAX },
    { "tier", VARLINK_STRING, offsetof(struct raw_signal, tier), VARLINK_REQUIRED, .max = WIRE_TIER_MAX },
    { "start", VARLINK_INT, offsetof(struct raw_signal, start), VARLINK_REQUIRED, .min = 0,
      .max = INT64_MAX },
    { "zone", VARLINK_STRING, offsetof(struct raw_signal, zone), VARLINK_REQUIRED, .max = WIRE_ZONE_MAX },
};

const char *wire_kind_name(enum wire_kind kind)
{
    return kinds[kind];
}

static int signal_decode(json_t *object, struct wire_signal *ret, struct varlink_fault *fault)
{
    struct raw_signal raw = { 0 };
    int r;

    r = varlink_object_decode(object, "signal", signal_fields, ELEMENTS(signal_fields),
                              VARLINK_IGNORE_UNKNOWN, &raw, fault);
    if (r < 0)
        return r;
    if (raw.kind != WIRE_CANCEL && raw.bytes == 0)
        return varlink_fault_set(fault, "signal.bytes", "0 bytes to %s", kinds[raw.kind]);
    if (raw.kind == WIRE_UNPLUG && raw.bytes > INT64_MAX - raw.start)
        return varlink_fault_set(fault, "signal.start", "a range beyond the end of memory");
    *ret = (struct wire_signal){ .id = raw.id, .kind = (enum wire_kind)raw.kind };
    ret->range.bytes = (uint64_t)raw.bytes;
    ret->range.start = raw.kind == WIRE_UNPLUG ? (uint64_t)raw.start : 0;
    if (raw.kind == WIRE_PLUG)
        memcpy(ret->tier, raw.tier, strlen(raw.tier) + 1);
    memcpy(ret->zone, raw.zone, strlen(raw.zone) + 1);
    return 0;
}

int wire_attach_decode(json_t *parameters, struct wire_attach *ret, struct varlink_fault *fault)
{
    struct wire_attach attach = { 0 };
    struct raw_attach raw = { 0 };
    int r;

    r = varlink_fields_decode(parameters, attach_fields, ELEMENTS(attach_fields), VARLINK_IGNORE_UNKNOWN,
                              &raw, fault);
    if (r < 0)
        return r;
    if (raw.block_size & (raw.block_size - 1))
        return varlink_fault_set(fault, "block_size", "no power of two");
    attach.block_size = (uint64_t)raw.block_size;
    memcpy(attach.session, raw.session, strlen(raw.session) + 1);
    if (raw.signal) {
        attach.has_signal = true;
        r = signal_decode(raw.signal, &attach.signal, fault);
        if (r < 0)
            return r;
    }
    *ret = attach;
    return 0;
}

bool wire_signal_alike(const struct wire_signal *a, const struct wire_signal *b)
{
    return a->kind == b->kind && a->range.start == b->range.start && a->range.bytes == b->range.bytes &&
           strcmp(a->tier, b->tier) == 0 && strcmp(a->zone, b->zone) == 0;
}

json_t *wire_report_encode(const char *session, const struct wire_signal *signal,
                           const struct driver_answer *answer)
{
    bool ok = answer->refusal == REFUSAL_NONE;
    json_t *object = json_pack("{ss sI sb}", "session", session, "id", (json_int_t)signal->id, "ok", (int)ok);
    int r = object ? 0 : -ENOMEM;

    if (r == 0 && ok && signal->kind == WIRE_PLUG)
        r = json_object_set_new(object, "start", json_integer((json_int_t)answer->range.start));
    if (r == 0 && ok)
        r = json_object_set_new(object, "bytes", json_integer((json_int_t)answer->bytes));
    if (r == 0 && ok && answer->kind)
        r = json_object_set_new(object, "device", json_string(answer->kind));
    if (r == 0 && !ok)
        r = json_object_update_new(object, json_pack("{ss ss}", "reason", refusal_name(answer->refusal),
                                                     "message", answer->message.text));
    if (r == 0 && !ok && (answer->limit || answer->refusal == REFUSAL_LIMIT))
        r = json_object_set_new(object, "limit", json_integer((json_int_t)answer->limit));
    if (r < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}
