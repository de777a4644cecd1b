/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/container.h"

#include <stdlib.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

struct wire_container {
    struct container container;
    json_t *failure;
};

#define TEXT_MAX 4096
#define OF(name) offsetof(struct wire_container, container.name)
#define TEXT(field, need)                                                                                    \
    {                                                                                                        \
#field, VARLINK_STRING, OF(field), need, .max = TEXT_MAX                                             \
    }
#define NUMBER(field, need)                                                                                  \
    {                                                                                                        \
#field, VARLINK_INT, OF(field), need, .max = INT64_MAX                                               \
    }

static const struct varlink_field container_fields[] = {
    { "id", VARLINK_STRING, OF(id), VARLINK_REQUIRED, .min = 1, .max = 255 },
    TEXT(state, VARLINK_REQUIRED),
    { "args", VARLINK_STRINGS, OF(args), VARLINK_REQUIRED, .max = INT32_MAX, .count_max = INT32_MAX },
    NUMBER(pid, VARLINK_REQUIRED),
    NUMBER(memory, VARLINK_REQUIRED),
    TEXT(tier, VARLINK_REQUIRED),
    TEXT(zone, 0),
    TEXT(zone_state, VARLINK_REQUIRED),
    NUMBER(node, 0),
    NUMBER(range_start, 0),
    NUMBER(range_size, 0),
    NUMBER(created, VARLINK_REQUIRED),
    NUMBER(started, 0),
    NUMBER(exited, 0),
    { "exit_status", VARLINK_INT, OF(exit_status), 0, .max = 255 },
    { "exit_signal", VARLINK_INT, OF(exit_signal), 0, .min = 1, .max = 127 },
    { "oom_killed", VARLINK_BOOL, OF(oom_killed), .flags = VARLINK_REQUIRED },
    { "keeper_lost", VARLINK_BOOL, OF(keeper_lost), .flags = 0 },
    { "failure", VARLINK_OBJECT, offsetof(struct wire_container, failure), .flags = 0 },
};

static const struct varlink_field failure_fields[] = {
    { "id", VARLINK_STRING, offsetof(struct container, failure_id), VARLINK_REQUIRED, .min = 1, .max = 255 },
    { "message", VARLINK_STRING, offsetof(struct container, failure_message), VARLINK_REQUIRED,
      .max = TEXT_MAX },
};

/* As io.czone.Container has it. It is printed where shells read it (`czonectl kill $(czonectl ps -q)`): a
 * guest must not be able to put anything else there. */
static bool id_is_sound(const char *id)
{
    return strlen(id) <= 63 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(id);
}

enum exit_code container_read(const struct ctl *ctl, const char *method, json_t *object,
                              struct container *ret)
{
    struct wire_container wire = {
        .container = { .node = -1,
                       .range_start = -1,
                       .range_size = -1,
                       .started = -1,
                       .exited = -1,
                       .exit_status = -1 },
    };
    struct varlink_fault fault = { 0 };
    int r;

    r = varlink_fields_decode(object, container_fields, ELEMENTS(container_fields), VARLINK_IGNORE_UNKNOWN,
                              &wire, &fault);
    if (r == 0 && wire.failure)
        r = varlink_object_decode(wire.failure, "failure", failure_fields, ELEMENTS(failure_fields),
                                  VARLINK_IGNORE_UNKNOWN, &wire.container, &fault);
    if (r < 0)
        return ctl_bad_reply(ctl, method, fault.parameter, fault.reason.text);
    if (!id_is_sound(wire.container.id))
        return ctl_bad_reply(ctl, method, "id", "is no container's id");
    *ret = wire.container;
    return EXIT_OK;
}

enum exit_code container_of_answer(const struct ctl *ctl, const char *method, json_t *answer,
                                   struct container *ret)
{
    json_t *object = json_object_get(answer, "container");

    if (!json_is_object(object))
        return ctl_bad_reply(ctl, method, "container", "is missing");
    return container_read(ctl, method, object, ret);
}

bool container_failed(const struct container *container)
{
    return container->failure_id || !strcmp(container->state, "failed");
}

bool container_ended(const struct container *container)
{
    return !strcmp(container->state, "exited") || !strcmp(container->state, "done") ||
           container_failed(container);
}

int container_status(const struct container *container)
{
    return exit_of_process(container->exit_status < 0 ? EXIT_FAILED : (int)container->exit_status,
                           (int)container->exit_signal);
}

static bool plain_word(const char *word)
{
    return *word &&
           strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-") ==
               strlen(word);
}

static void write_word(FILE *out, const char *word)
{
    if (plain_word(word)) {
        (void)fputs(word, out);
        return;
    }
    (void)fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fputc(*word, out);
    (void)fputc('\'', out);
}

char *container_command(const struct container *container)
{
    char *text = NULL;
    size_t length, i;
    json_t *word;
    FILE *out = open_memstream(&text, &length);

    if (!out)
        return NULL;
    json_array_foreach(container->args, i, word) {
        if (i)
            (void)fputc(' ', out);
        write_word(out, json_string_value(word));
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

enum paint container_paint(const struct container *container)
{
    if (container_failed(container))
        return PAINT_BAD;
    if (!strcmp(container->state, "running"))
        return PAINT_GOOD;
    return strcmp(container->state, "done") ? PAINT_BUSY : PAINT_DIM;
}

static void line(const struct ctl *ctl, const char *name, const char *text)
{
    CLEANUP_FREE char *safe = printable_copy(text, ctl->out.utf8);

    (void)fprintf(ctl->out.file, "%s%-10s%s %s\n", terminal_paint(&ctl->out, PAINT_HEAD), name,
                  terminal_plain(&ctl->out), safe ? safe : "(out of memory)");
}

static void line_time(const struct ctl *ctl, const char *name, int64_t time)
{
    char text[WHEN_TEXT_MAX];

    if (time >= 0)
        line(ctl, name, when_clock(time, text));
}

static void print_memory(const struct ctl *ctl, const struct container *container)
{
    char size[SIZE_TEXT_MAX], text[160];

    (void)snprintf(text, sizeof(text), "%s, tier %s", size_format(container->memory, size), container->tier);
    line(ctl, "Memory", text);
    if (!container->zone) {
        line(ctl, "Zone", *container->zone_state ? container->zone_state : "none");
        return;
    }
    (void)snprintf(text, sizeof(text), "%s, %s", container->zone, container->zone_state);
    line(ctl, "Zone", text);
    if (container->node >= 0) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)container->node);
        line(ctl, "Node", text);
    }
    if (container->range_start >= 0 && container->range_size > 0) {
        (void)snprintf(text, sizeof(text), "0x%llx-0x%llx", (unsigned long long)container->range_start,
                       (unsigned long long)(container->range_start + (container->range_size - 1)));
        line(ctl, "Range", text);
    }
}

enum exit_code container_print(const struct ctl *ctl, const struct container *container)
{
    CLEANUP_FREE char *command = container_command(container);
    char text[64];

    if (!command)
        return ctl_no_memory(ctl);
    line(ctl, "Container", container->id);
    line(ctl, "State", container->state);
    line(ctl, "Command", command);
    if (container->pid > 0) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)container->pid);
        line(ctl, "Pid", text);
    }
    print_memory(ctl, container);
    line_time(ctl, "Created", container->created);
    line_time(ctl, "Started", container->started);
    line_time(ctl, "Exited", container->exited);
    if (container->exit_signal)
        (void)snprintf(text, sizeof(text), "killed by signal %lld (%s)", (long long)container->exit_signal,
                       sigdescr_np((int)container->exit_signal) ? sigdescr_np((int)container->exit_signal)
                                                                : "real-time");
    else
        (void)snprintf(text, sizeof(text), "exit status %lld", (long long)container->exit_status);
    if (container->exit_signal || container->exit_status >= 0)
        line(ctl, "Outcome", text);
    if (container->oom_killed)
        line(ctl, "OOM", "the kernel killed a process of it: its memory limit was reached");
    if (container->keeper_lost)
        line(ctl, "Keeper", "was killed, and the kernel killed the program for that");
    if (container->failure_id)
        line(ctl, "Failure", container->failure_message);
    return EXIT_OK;
}

void container_tell_end(const struct ctl *ctl, const struct container *container)
{
    char size[SIZE_TEXT_MAX];

    if (container->oom_killed)
        ctl_note(ctl,
                 "the kernel killed a process of %s: the memory limit of its zone of %s was reached; give "
                 "more with --memory",
                 container->id, size_format(container->memory, size));
    if (container->keeper_lost)
        ctl_note(
            ctl,
            "container %s did not end by itself: somebody killed its keeper (czone-keeper) in the guest, and "
            "the kernel the program with it",
            container->id);
}

enum exit_code container_tell_failure(const struct ctl *ctl, const struct container *container)
{
    json_t *parameters;
    enum exit_code code;

    parameters = json_pack("{s:s}", "message", container->failure_message ? container->failure_message : "");
    if (!parameters)
        return ctl_no_memory(ctl);
    if (container->failure_id)
        code = ctl_error_reply(ctl, container->failure_id, parameters);
    else
        code = ctl_bad_reply(ctl, "io.czone.Container", "failure", "is missing");
    json_decref(parameters);
    return code;
}
