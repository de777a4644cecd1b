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
    /* One write, so that lines of several processes do not mix. A log that cannot be written is lost. */
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
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
