/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool journal;
static int max_level = LOG_INFO;

static char held[4096]; /* lines that are yet to be written */
static size_t n_held;
static bool holding;

/* JOURNAL_STREAM is inherited by programs whose standard error goes elsewhere: compare (systemd.exec(5)). */
void log_open(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    journal = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
              fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_set_level(int level)
{
    max_level = level;
}

/* A log that cannot be written is lost. */
static void flush(void)
{
    size_t n = n_held;

    n_held = 0;
    if (n > 0 && write(STDERR_FILENO, held, n) < 0)
        return;
}

/* In one write, so that lines of several processes do not mix. */
static void put(const char *line, size_t length)
{
    if (length > sizeof(held) - n_held)
        flush();
    memcpy(held + n_held, line, length);
    n_held += length;
    if (!holding)
        flush();
}

__attribute__((format(printf, 2, 0))) static void log_va(int level, const char *format, va_list args)
{
    char text[1024];
    char line[sizeof(text) + 16];
    int length;

    if (level > max_level)
        return;
    (void)vsnprintf(text, sizeof(text), format, args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    if (journal)
        length = snprintf(line, sizeof(line), "<%d>%s\n", level, text);
    else
        length = snprintf(line, sizeof(line), "czoned: %s\n", text);
    put(line, (size_t)length);
}

void log_hold(void)
{
    holding = true;
}

void log_release(void)
{
    holding = false;
    flush();
}

void log_line(int level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_va(level, format, args);
    va_end(args);
}

int log_fail(int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_va(LOG_ERR, format, args);
    va_end(args);
    return error;
}
