/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/stdio.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/base64.h"
#include "proto/cleanup.h"

#define WRITE  "io.czone.Container.Write"
#define RESIZE "io.czone.Container.Resize"

static int add_target(json_t *parameters, const struct stdio *stdio)
{
    if (json_object_set_new(parameters, "id", json_string(stdio->id)) < 0)
        return -ENOMEM;
    return stdio->exec && json_object_set_new(parameters, "exec", json_string(stdio->exec)) < 0 ? -ENOMEM : 0;
}

static json_t *write_parameters(void *userdata)
{
    struct stdio *stdio = userdata;
    char text[BASE64_LENGTH(sizeof(stdio->data))];
    CLEANUP_JSON json_t *parameters = NULL;

    base64_encode(stdio->data, stdio->length, text);
    parameters =
        json_pack("{s:o, s:b}", "data", json_stringn(text, BASE64_LENGTH(stdio->length)), "eof", stdio->end);
    if (!parameters || add_target(parameters, stdio) < 0)
        return NULL;
    if (stdio->sent && stdio->offset >= 0 &&
        json_object_set_new(parameters, "offset", json_integer(stdio->offset)) < 0)
        return NULL;
    stdio->sent = true;
    return TAKE(parameters);
}

static enum exit_code on_written(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct stdio *stdio = userdata;
    json_t *offset = json_object_get(reply->parameters, "offset");

    /* A program that does not read, or has ended: its end is told by others. */
    if (reply->error && (!strcmp(reply->error, "io.czone.Container.NoInput") ||
                         !strcmp(reply->error, "io.czone.Container.NoSuchContainer") ||
                         !strcmp(reply->error, "io.czone.Container.NoSuchExec"))) {
        stdio->input = false;
        follow_done(follow);
        return EXIT_OK;
    }
    if (reply->error)
        return ctl_error_reply(stdio->ctl, reply->error, reply->parameters);
    if (!json_is_integer(offset))
        return ctl_bad_reply(stdio->ctl, WRITE, "offset", "is no integer");
    stdio->offset = json_integer_value(offset);
    stdio->length = 0;
    stdio->sent = false;
    if (stdio->end)
        stdio->input = false;
    return EXIT_OK;
}

static bool size_of_terminal(struct winsize *ret)
{
    return (ioctl(STDOUT_FILENO, TIOCGWINSZ, ret) == 0 || ioctl(STDIN_FILENO, TIOCGWINSZ, ret) == 0) &&
           ret->ws_col > 0 && ret->ws_row > 0;
}

static json_t *resize_parameters(void *userdata)
{
    const struct stdio *stdio = userdata;
    CLEANUP_JSON json_t *parameters = NULL;
    struct winsize size = { .ws_row = 24, .ws_col = 80 };

    (void)size_of_terminal(&size);
    parameters = json_pack("{s:i, s:i}", "columns", (int)size.ws_col, "rows", (int)size.ws_row);
    if (!parameters || add_target(parameters, stdio) < 0)
        return NULL;
    return TAKE(parameters);
}

/* That the size could not be told harms nobody: the program goes on with the one it has. */
static enum exit_code on_resized(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    (void)follow;
    (void)reply;
    (void)userdata;
    return EXIT_OK;
}

void stdio_init(struct stdio *stdio)
{
    stdio->write = (struct follow){
        .method = WRITE, .repeats = true, .idle = true, .parameters = write_parameters, .on_reply = on_written
    };
    stdio->resize = (struct follow){ .method = RESIZE,
                                     .repeats = true,
                                     .idle = true,
                                     .parameters = resize_parameters,
                                     .on_reply = on_resized };
    stdio->offset = -1;
    stdio->length = 0;
    stdio->sent = stdio->end = stdio->held = stdio->detached = stdio->raw = false;
}

enum exit_code stdio_begin(struct stdio *stdio)
{
    struct termios raw;

    stdio->write.userdata = stdio->resize.userdata = stdio;
    if (!stdio->tty || !stdio->input || tcgetattr(STDIN_FILENO, &stdio->before) < 0)
        return EXIT_OK; /* who attaches to one that has a terminal need not be at one */
    raw = stdio->before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0) {
        ctl_error(stdio->ctl, "cannot set the terminal up: %s", strerror(errno));
        return EXIT_FAILED;
    }
    stdio->raw = true;
    stdio->ctl->err.raw = stdio->ctl->err.tty;
    return EXIT_OK;
}

void stdio_end(struct stdio *stdio)
{
    if (stdio->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &stdio->before);
        stdio->ctl->err.raw = false;
    }
    stdio->raw = false;
    follow_done(&stdio->write);
    follow_done(&stdio->resize);
}

int stdio_input_fd(const struct stdio *stdio)
{
    return stdio->input && !stdio->write.done && stdio->write.idle && !stdio->end ? STDIN_FILENO : -1;
}

/* Takes the detach keys out of what was typed. Returns whether they were complete. */
static bool look_for_keys(struct stdio *stdio, const unsigned char *typed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (stdio->held && typed[i] == STDIO_DETACH_SECOND)
            return true;
        if (stdio->held)
            stdio->data[stdio->length++] = STDIO_DETACH_FIRST;
        stdio->held = typed[i] == STDIO_DETACH_FIRST;
        if (!stdio->held)
            stdio->data[stdio->length++] = typed[i];
    }
    return false;
}

enum exit_code stdio_on_input(struct stdio *stdio)
{
    unsigned char typed[STDIO_CHUNK];
    ssize_t n = read(STDIN_FILENO, typed, sizeof(typed));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return EXIT_OK;
    stdio->end = n <= 0;
    if (n > 0 && stdio->raw) {
        stdio->detached = look_for_keys(stdio, typed, (size_t)n);
    } else if (n > 0) {
        memcpy(stdio->data, typed, (size_t)n);
        stdio->length = (size_t)n;
    }
    if (stdio->detached)
        return EXIT_DETACHED;
    return stdio->length > 0 || stdio->end ? follow_call(stdio->ctl, &stdio->write) : EXIT_OK;
}

enum exit_code stdio_on_resize(struct stdio *stdio)
{
    return stdio->tty ? follow_call(stdio->ctl, &stdio->resize) : EXIT_OK;
}

enum exit_code stdio_check(const struct ctl *ctl, bool input, bool tty)
{
    if (!input || !tty || isatty(STDIN_FILENO))
        return EXIT_OK;
    ctl_error(ctl, "--interactive --tty needs a terminal, and standard input is none: leave --tty out");
    return EXIT_USAGE;
}

int stdio_add_size(json_t *parameters)
{
    struct winsize size;

    if (!size_of_terminal(&size))
        return 0;
    return json_object_set_new(parameters, "columns", json_integer(size.ws_col)) < 0 ||
                   json_object_set_new(parameters, "rows", json_integer(size.ws_row)) < 0
               ? -ENOMEM
               : 0;
}
