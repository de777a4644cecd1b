/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define HEIGHT_DEFAULT 24
#define HEIGHT_MIN     4

#define ERASE_LINE  "\033[K"
#define ERASE_BELOW "\033[J"
#define ERASE_ALL   "\033[H\033[2J"

static unsigned int find_height(const struct terminal *terminal)
{
    struct winsize size;

    if (ioctl(fileno(terminal->file), TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return HEIGHT_DEFAULT; /* a serial console does not know */
    return size.ws_row < HEIGHT_MIN ? HEIGHT_MIN : size.ws_row;
}

int screen_begin(struct screen *screen)
{
    struct terminal now;

    terminal_open(&now, screen->terminal->file, COLOUR_AUTO);
    screen->page = *screen->terminal;
    screen->page.width = now.width;
    screen->page.file = open_memstream(&screen->text, &screen->length);
    return screen->page.file ? 0 : -ENOMEM;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        n++;
    return n;
}

/* A terminal that has another size now has moved the lines about. */
static void go_back(struct screen *screen, FILE *out, unsigned int height)
{
    if (screen->rows > 0 && (screen->width != screen->page.width || screen->height != height))
        (void)fputs(ERASE_ALL, out);
    else if (screen->rows > 0)
        (void)fprintf(out, "\033[%uA\r", screen->rows);
    screen->width = screen->page.width;
    screen->height = height;
}

/* The picture as it goes to the terminal. */
static void compose(struct screen *screen, const char *text, FILE *out)
{
    unsigned int height = find_height(screen->terminal);
    size_t lines = count_lines(text);
    /* The cursor waits on a line of its own below. */
    size_t shown = lines < height ? lines : height - 2;

    go_back(screen, out, height);
    for (size_t i = 0; i < shown; i++) {
        size_t n = strcspn(text, "\n");

        (void)fwrite(text, 1, n, out);
        (void)fputs(ERASE_LINE "\n", out);
        text += n + 1;
    }
    if (shown < lines)
        (void)fprintf(out, "%zu more" ERASE_LINE "\n", lines - shown);
    (void)fputs(ERASE_BELOW, out);
    screen->rows = (unsigned int)(shown + (shown < lines));
}

static int close_stream(FILE *stream)
{
    bool failed = ferror(stream);

    return fclose(stream) != 0 || failed ? -ENOMEM : 0;
}

int screen_show(struct screen *screen)
{
    CLEANUP_FREE char *text = NULL, *picture = NULL;
    size_t length;
    FILE *out;
    int r;

    r = close_stream(screen->page.file);
    text = TAKE(screen->text);
    if (r < 0)
        return r;
    /* Standard output is written line by line to a terminal: so it is given all at once. */
    out = open_memstream(&picture, &length);
    if (!out)
        return -ENOMEM;
    compose(screen, text, out);
    r = close_stream(out);
    if (r < 0)
        return r;
    (void)fwrite(picture, 1, length, screen->terminal->file);
    (void)fflush(screen->terminal->file);
    return 0;
}
