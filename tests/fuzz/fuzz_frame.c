/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how the rest is cut into reads. However it is cut, the same messages must come out, and
 * together they must be the input.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/frame.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
    const uint8_t *data; /* what has to come out next */
    size_t left;
};

/* Takes what is there. Returns the last result of varlink_frame_next(). */
static int take_messages(struct varlink_frame *frame, struct walk *walk)
{
    const char *message;
    size_t length;
    int r;

    while ((r = varlink_frame_next(frame, &message, &length)) == 1) {
        CHECK(length < walk->left);
        CHECK(length <= VARLINK_MESSAGE_MAX);
        CHECK(strlen(message) == length);
        CHECK(memcmp(message, walk->data, length + 1) == 0);
        walk->data += length + 1;
        walk->left -= length + 1;
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct varlink_frame frame = VARLINK_FRAME_INIT;
    size_t chunk = size > 0 ? (size_t)data[0] * data[0] + 1 : 1, at = 1;
    struct walk walk = { data + 1, size > 0 ? size - 1 : 0 };
    int r = 0;

    while (at < size && r == 0) {
        size_t space;
        char *buffer;

        r = varlink_frame_reserve(&frame, &buffer, &space);
        CHECK(r == 0);
        space = space < chunk ? space : chunk;
        space = space < size - at ? space : size - at;
        memcpy(buffer, data + at, space);
        varlink_frame_commit(&frame, space);
        at += space;
        r = take_messages(&frame, &walk);
        CHECK(frame.size <= VARLINK_BUFFER_MAX);
    }
    CHECK(r == 0 || (r == -EMSGSIZE && walk.left > VARLINK_MESSAGE_MAX));
    if (r == 0)
        CHECK(varlink_frame_pending(&frame) == walk.left && !memchr(walk.data, '\0', walk.left));
    varlink_frame_done(&frame);
    return 0;
}
