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

json_t *input_parameters(struct input *input)
{
    char text[BASE64_LENGTH(INPUT_SIZE)];
    json_t *parameters;

    base64_encode(input->data, input->length, text);
    parameters =
        json_pack("{s:s%, s:b}", "data", text, BASE64_LENGTH(input->length), "eof", (int)input->ended);
    if (input->sent && json_object_set_new(parameters, "offset", json_integer(input->offset)) < 0) {
        json_decref(parameters);
        return NULL;
    }
    input->sent = true;
    return parameters;
}

void input_done(struct input *input, const json_t *answer)
{
    input->offset = json_integer_value(json_object_get(answer, "offset"));
    input->length = 0;
    input->sent = false;
    input->closed = input->ended;
}
