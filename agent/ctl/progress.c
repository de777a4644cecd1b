/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/progress.h"

#include <stdarg.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"

void progress_set(struct progress *progress, const char *format, ...)
{
    bool idle = !*progress->text;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(progress->text, sizeof(progress->text), format, arguments);
    va_end(arguments);
    if (idle)
        progress->since = when_ticks();
    if (!*progress->text)
        progress_clear(progress);
}

bool progress_active(const struct progress *progress)
{
    return progress->terminal && progress->terminal->redraw && *progress->text;
}

void progress_draw(struct progress *progress)
{
    static const char *const dots[] = { "⠋", "⠙", "⠸", "⠴", "⠦", "⠇" };
    static const char bars[] = "|/-\\";
    CLEANUP_FREE char *safe = NULL, *line = NULL;
    const struct terminal *terminal = progress->terminal;

    if (!progress_active(progress))
        return;
    safe = printable_copy(progress->text, terminal->utf8);
    /* A line that wraps could not be taken away again. 16 columns are for spinner and time. */
    if (safe)
        line = printable_cut(safe, terminal->width > 40 ? terminal->width - 16 : 24, terminal->utf8);
    if (!line)
        return;
    (void)fprintf(terminal->file, "\r\033[K");
    if (terminal->utf8)
        (void)fprintf(terminal->file, "%s", dots[progress->turn % (sizeof(dots) / sizeof(*dots))]);
    else
        (void)fprintf(terminal->file, "%c", bars[progress->turn % (sizeof(bars) - 1)]);
    (void)fprintf(terminal->file, " %s %s%.1f s%s", line, terminal_paint(terminal, PAINT_DIM),
                  (double)(when_ticks() - progress->since) / 1000, terminal_plain(terminal));
    (void)fflush(terminal->file);
    progress->turn++;
    progress->shown = true;
}

void progress_clear(struct progress *progress)
{
    if (!progress->shown)
        return;
    (void)fprintf(progress->terminal->file, "\r\033[K");
    (void)fflush(progress->terminal->file);
    progress->shown = false;
}
