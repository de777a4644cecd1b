/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/host/bounds.h"
#include "agent/host/clock.h"
#include "proto/cleanup.h"

static struct {
    bool json;
    bool journal; /* standard error is read by systemd: levels as <N> */
    struct bucket guest;
    uint64_t skipped; /* lines of the guest since the last one */
} form;

/* The variable alone proves nothing: children with another standard error inherit it (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_setup(bool json)
{
    form.json = json;
    form.journal = !json && stderr_is_journal();
    bucket_init(&form.guest, LOG_GUEST_RATE, LOG_GUEST_BURST, clock_us());
}

static const char *level_name(enum log_level level)
{
    return level == LOG_ERR ? "error" : level == LOG_WARN ? "warning" : "info";
}

/* `object` is consumed. */
static void json_print(json_t *object)
{
    CLEANUP_JSON json_t *owned = object;
    CLEANUP_FREE char *text = owned ? json_dumps(owned, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    if (text)
        (void)fprintf(stderr, "%s\n", text);
}

static __attribute__((format(printf, 2, 0))) void line_print(enum log_level level, const char *format,
                                                             va_list arguments)
{
    char raw[sizeof(struct reason)];
    struct reason text;

    (void)vsnprintf(raw, sizeof(raw), format, arguments);
    reason_set(&text, "%s", raw); /* makes it printable */
    if (form.json)
        json_print(json_pack("{ss ss}", "level", level_name(level), "message", text.text));
    else if (form.journal)
        (void)fprintf(stderr, "<%d>%s\n", (int)level, text.text);
    else
        (void)fprintf(stderr, "czone-hostd: %s%s\n",
                      level == LOG_NOTE   ? ""
                      : level == LOG_WARN ? "warning: "
                                          : "error: ",
                      text.text);
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line_print(level, format, arguments);
    va_end(arguments);
}

/* May one more line of the guest be printed? */
static bool guest_take(void)
{
    if (!bucket_take(&form.guest, clock_us())) {
        form.skipped++;
        return false;
    }
    if (form.skipped > 0)
        log_line(LOG_WARN, "%" PRIu64 " lines were left out: the guest causes too many", form.skipped);
    form.skipped = 0;
    return true;
}

void log_guest(enum log_level level, const char *format, ...)
{
    va_list arguments;

    if (!guest_take())
        return;
    va_start(arguments, format);
    line_print(level, format, arguments);
    va_end(arguments);
}

static void answer_print_json(const char *verb, int64_t id, const char *zone,
                              const struct driver_answer *answer, uint64_t ms)
{
    bool ok = answer->refusal == REFUSAL_NONE;
    json_t *object =
        json_pack("{ss ss sI ss sb sI sI sI}", "level", ok ? "info" : "warning", "event", verb, "id",
                  (json_int_t)id, "zone", zone, "ok", ok, "start", (json_int_t)answer->range.start, "bytes",
                  (json_int_t)answer->bytes, "ms", (json_int_t)ms);

    if (object && answer->kind)
        (void)json_object_update_new(object, json_pack("{ss ss si}", "kind", answer->kind, "device",
                                                       answer->device, "node", answer->node));
    if (object && !ok)
        (void)json_object_update_new(object, json_pack("{ss ss}", "reason", refusal_name(answer->refusal),
                                                       "message", answer->message.text));
    json_print(object);
}

void log_answer(const char *verb, int64_t id, const char *zone, const struct driver_answer *answer,
                uint64_t ms)
{
    struct reason name;

    if (!guest_take())
        return;
    reason_set(&name, "%s", zone);
    if (form.json) {
        answer_print_json(verb, id, name.text, answer, ms);
        return;
    }
    if (answer->refusal != REFUSAL_NONE) {
        log_line(LOG_WARN, "%s %" PRId64 " zone=%s refused: %s: %s", verb, id, name.text,
                 refusal_name(answer->refusal), answer->message.text);
        return;
    }
    log_line(LOG_NOTE,
             "%s %" PRId64 " zone=%s device=%s (%s) node=%d range=0x%" PRIx64 "-0x%" PRIx64 " bytes=%" PRIu64
             " (%" PRIu64 " MiB) ms=%" PRIu64,
             verb, id, name.text, answer->device, answer->kind ? answer->kind : "?", answer->node,
             answer->range.start, answer->range.start + answer->range.bytes - 1, answer->bytes,
             answer->bytes >> 20, ms);
}
