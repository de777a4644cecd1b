/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/ctl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "proto/cleanup.h"

__attribute__((format(printf, 2, 0))) static void say(const struct ctl *ctl, const char *format,
                                                      va_list arguments)
{
    CLEANUP_FREE char *text = NULL, *safe = NULL;

    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    safe = printable_copy(text ? text : "out of memory", ctl->err.utf8);
    (void)fprintf(ctl->err.file, "czonectl%s%s: %s%s", ctl->verb ? " " : "", ctl->verb ? ctl->verb->name : "",
                  safe ? safe : "out of memory", terminal_newline(&ctl->err));
}

void ctl_error(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(ctl, format, arguments);
    va_end(arguments);
}

void ctl_note(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(ctl, format, arguments);
    va_end(arguments);
}

void ctl_hint(const struct ctl *ctl, const char *hint)
{
    if (hint)
        (void)fprintf(ctl->err.file, "%s  hint: %s%s%s", terminal_paint(&ctl->err, PAINT_DIM), hint,
                      terminal_plain(&ctl->err), terminal_newline(&ctl->err));
}

enum exit_code ctl_no_memory(const struct ctl *ctl)
{
    ctl_error(ctl, "out of memory");
    return EXIT_FAILED;
}

static enum exit_code choose_color(const struct ctl *ctl, enum colour_choice *ret)
{
    static const char *const names[] = {
        [COLOUR_AUTO] = "auto",
        [COLOUR_ALWAYS] = "always",
        [COLOUR_NEVER] = "never",
    };
    const char *color = ctl->options.color;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!color || !strcmp(color, names[i])) {
            *ret = (enum colour_choice)i;
            return EXIT_OK;
        }
    ctl_error(ctl, "--color takes auto, always or never, not '%s'", color);
    return EXIT_USAGE;
}

enum exit_code ctl_set_address(struct ctl *ctl, const char *text, const char *origin)
{
    struct reason reason = { 0 };

    if (address_parse(text, &ctl->address, &reason) < 0) {
        ctl_error(ctl, "%s: %s", origin, reason.text);
        return EXIT_USAGE;
    }
    ctl->address_given = true;
    return EXIT_OK;
}

static enum exit_code read_address(struct ctl *ctl)
{
    const char *variable = getenv(CTL_ADDRESS_VARIABLE);
    enum exit_code code;

    if (ctl->options.vm)
        return ctl_set_address(ctl, ctl->options.vm, "--vm");
    if (variable && *variable)
        return ctl_set_address(ctl, variable, CTL_ADDRESS_VARIABLE);
    code = ctl_set_address(ctl, CTL_ADDRESS_DEFAULT, "the default");
    ctl->address_given = false;
    return code;
}

enum exit_code ctl_prepare(struct ctl *ctl)
{
    enum colour_choice choice = COLOUR_AUTO;
    enum exit_code code;

    terminal_open(&ctl->out, stdout, COLOUR_AUTO);
    terminal_open(&ctl->err, stderr, COLOUR_AUTO);
    code = choose_color(ctl, &choice);
    if (code)
        return code;
    terminal_open(&ctl->out, stdout, choice);
    terminal_open(&ctl->err, stderr, choice);
    return ctl->verb && ctl->verb->flags & VERB_LOCAL ? EXIT_OK : read_address(ctl);
}

void ctl_done(struct ctl *ctl)
{
    ctl->client = varlink_client_free(ctl->client);
}

enum exit_code ctl_print_json(const struct ctl *ctl, const json_t *object)
{
    /* ASCII: what the guest put into it cannot reach the terminal as a control character. */
    CLEANUP_FREE char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

    if (!text)
        return ctl_no_memory(ctl);
    (void)fprintf(ctl->out.file, "%s\n", text);
    (void)fflush(ctl->out.file);
    return EXIT_OK;
}
