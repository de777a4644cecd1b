/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/terminal.h"

#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_MIN     20
#define WIDTH_MAX     4096
#define WIDTH_DEFAULT 80

#define LISTENS_MS 1000

static const char *const paints[] = {
    [PAINT_NONE] = "",
    [PAINT_HEAD] = "\033[1m",
    [PAINT_DIM] = "\033[2m",
    [PAINT_GOOD] = "\033[32m",
    [PAINT_BUSY] = "\033[33m",
    [PAINT_BAD] = "\033[1;31m",
    /* Black on light grounds; red is left out, it means trouble. */
    [PAINT_ZONE] = "\033[30;102m",
    "\033[30;104m",
    "\033[30;103m",
    "\033[30;105m",
    "\033[30;106m",
    "\033[30;42m",
    "\033[30;47m",
    "\033[30;45m",
};

static unsigned int find_width(int fd, bool tty)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (columns) {
        char *end;
        unsigned long width = strtoul(columns, &end, 10);

        if (end != columns && !*end && width >= WIDTH_MIN && width <= WIDTH_MAX)
            return (unsigned int)width;
    }
    if (!tty)
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH_DEFAULT; /* a serial console does not know */
    return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

void terminal_open(struct terminal *terminal, FILE *file, enum colour_choice choice)
{
    int fd = fileno(file);
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool tty = fd >= 0 && isatty(fd);
    bool plain = (no_color && *no_color) || !term || !strcmp(term, "dumb");

    *terminal = (struct terminal){
        .file = file,
        .tty = tty,
        .redraw = tty && term && strcmp(term, "dumb") != 0,
        .colour = choice == COLOUR_ALWAYS || (choice == COLOUR_AUTO && tty && !plain),
        .utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
        .width = find_width(fd, tty),
    };
}

bool terminal_listens(const struct terminal *terminal)
{
    return poll(&(struct pollfd){ .fd = fileno(terminal->file), .events = POLLOUT }, 1, LISTENS_MS) != 0;
}

const char *terminal_newline(const struct terminal *terminal)
{
    return terminal->raw ? "\r\n" : "\n";
}

const char *terminal_paint(const struct terminal *terminal, unsigned int paint)
{
    return terminal->colour ? paints[paint] : "";
}

const char *terminal_plain(const struct terminal *terminal)
{
    return terminal->colour ? "\033[0m" : "";
}
