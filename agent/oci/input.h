/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_INPUT_H
#define OCI_INPUT_H

/*
 * Our standard input on its way to a program, one piece at a time. A piece is kept until czoned has answered
 * for it; if the answer does not come it is sent again with its place in all that was ever written, and is
 * not written twice. At first it goes to the end: we need not be the only one who writes (czonectl attach).
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* czoned takes up to 64 KiB. */
#define INPUT_SIZE 16384

struct input {
    unsigned char data[INPUT_SIZE];
    size_t length;  /* of the piece; 0: none is on its way */
    int64_t offset; /* of the piece, or of the next one */
    bool sent;      /* the piece was, and may have been written */
    bool ended;     /* nothing comes after the piece */
    bool closed;    /* and that is known to the program, or it reads no more */
};

/* Whether there is something to send. */
bool input_waits(const struct input *input);

/* Whether standard input is to be read now. */
bool input_wants(const struct input *input);

/* Reads a piece, or the end. */
void input_read(struct input *input);

/* Parameters of Write, but for whose input it is, for each attempt anew. NULL without memory. */
json_t *input_parameters(struct input *input);

/* Write was answered: the piece is with the program's keeper. */
void input_done(struct input *input, const json_t *answer);

#endif
