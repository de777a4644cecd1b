/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/input.h"

#include <errno.h>
#include <unistd.h>

#include "proto/base64.h"

bool input_waits(const struct input *input)
{
    return !input->closed && (input->length > 0 || input->ended);
}

bool input_wants(const struct input *input)
{
    return !input->closed && !input_waits(input);
}

void input_read(struct input *input)
{
    ssize_t n = read(STDIN_FILENO, input->data, sizeof(input->data));

    if (n > 0)
        input->length = (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        input->ended = true; /* also a terminal whose other end is gone */
}

json_t *input_parameters(const struct input *input)
{
    char text[BASE64_LENGTH(INPUT_SIZE)];

    base64_encode(input->data, input->length, text);
    return json_pack("{s:s%, s:I, s:b}", "data", text, BASE64_LENGTH(input->length), "offset",
                     (json_int_t)input->offset, "eof", input->ended);
}

void input_done(struct input *input, const json_t *answer)
{
    input->offset = json_integer_value(json_object_get(answer, "offset"));
    input->length = 0;
    input->closed = input->ended;
}
