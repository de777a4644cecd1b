/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/input.h"

#include <string.h>
#include <termios.h>

#include "agent/guest/keeper/wire.h"
#include "proto/cleanup.h"

/* Idle keepers hold no buffer: there are many of them. */
static void release(struct input *input)
{
    free(input->data);
    input->data = NULL;
    input->begin = input->used = 0;
}

void input_close(struct input *input)
{
    if (!input->tty)
        cleanup_fd(&input->fd);
    input->fd = -EBADF;
    input->written = input->received;
    release(input);
}

/* Returns the bytes that went through; 0: none now. */
static size_t put(struct input *input, const char *data, size_t length)
{
    ssize_t n;

    do
        n = write(input->fd, data, length);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN)
        input_close(input);
    if (n <= 0)
        return 0;
    input->written += n;
    input->line_open = data[n - 1] != '\n';
    return (size_t)n;
}

/* A terminal has no end: it is typed. At the start of a line once, behind something twice, since the first
 * one only hands in the line. */
static bool put_end(struct input *input)
{
    struct termios modes;
    char text[2];
    size_t length = input->line_open ? 2 : 1;

    if (tcgetattr(input->fd, &modes) < 0)
        return true;
    memset(text, modes.c_cc[VEOF], sizeof(text));
    return write(input->fd, text, length) >= 0 || errno != EAGAIN;
}

void input_flush(struct input *input)
{
    while (input->fd >= 0 && input->used > 0) {
        size_t n = put(input, input->data + input->begin, input->used);

        if (n == 0)
            return;
        input->begin += n;
        input->used -= n;
    }
    release(input);
    if (input->end_asked && input->fd >= 0 && (!input->tty || put_end(input)))
        input_close(input);
}

static int hold(struct input *input, const char *data, size_t length)
{
    if (!input->data)
        input->data = malloc(KEEPER_INPUT_MAX);
    if (!input->data)
        return -ENOMEM;
    memmove(input->data, input->data + input->begin, input->used);
    memcpy(input->data + input->used, data, length);
    input->begin = 0;
    input->used += length;
    return 0;
}

int input_take(struct input *input, const char *data, size_t length)
{
    int r;

    if (input->used + length > KEEPER_INPUT_MAX)
        return -EMSGSIZE;
    if (input->fd >= 0 && !input->end_asked && length > 0) {
        r = hold(input, data, length);
        if (r < 0)
            return r;
        input->received += (int64_t)length;
    } else if (length > 0) {
        input->received += (int64_t)length;
        input->written += (int64_t)length;
    } else {
        input->end_asked = true;
    }
    input_flush(input);
    return 0;
}
