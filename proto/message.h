/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

/*
 * Varlink calls and replies, between text and struct. The rules are UAPI.20 (varlink.md 0.1); where older
 * peers are stricter the encoder obeys them: no top-level member but the specified ones, none that is false
 * or empty (sd-varlink 257 disconnects otherwise).
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/reason.h"

#define VARLINK_NAME_MAX 255u /* bytes of a method's or error's full name */

enum {
    VARLINK_MORE = 1 << 0,    /* more than one reply is welcome */
    VARLINK_ONEWAY = 1 << 1,  /* no reply is wanted */
    VARLINK_UPGRADE = 1 << 2, /* another protocol after the reply; we only recognise it */
};

struct varlink_call {
    char *method;       /* `interface.Method`, or what the peer takes for it: see varlink_name_interface() */
    json_t *parameters; /* an object, never NULL */
    unsigned int flags; /* VARLINK_*; one at most */
    size_t length;      /* of the text it was decoded from: what it costs is in proportion */
};

struct varlink_reply {
    char *error;        /* `interface.Error`, NULL if the call succeeded */
    json_t *parameters; /* an object, never NULL */
    bool continues;     /* more replies follow */
};

#define VARLINK_CALL_INIT  ((struct varlink_call){ 0 })
#define VARLINK_REPLY_INIT ((struct varlink_reply){ 0 })

/* Free what the struct holds and empty it. Accept an empty one. */
void varlink_call_done(struct varlink_call *call);
void varlink_reply_done(struct varlink_reply *reply);

/*
 * Decode one message (without its NUL) into an empty struct, which the caller owns and empties with _done().
 *
 * Return 0, or the error of varlink_text_parse(), -EPROTO (JSON, but not a Varlink call or reply: unknown
 * member, wrong type, two flags, no method, an error that continues) or -ENOMEM. After any error the stream
 * must be closed: Varlink has no error reply for these. Members that are reverse-domain names are vendor
 * extensions; they must be objects and are ignored.
 */
int varlink_call_decode(const char *text, size_t length, struct varlink_call *ret, struct reason *reason);
int varlink_reply_decode(const char *text, size_t length, struct varlink_reply *ret, struct reason *reason);

/*
 * Encode one message, compact and pure ASCII.
 *
 * @parameters  an object, or NULL for none; borrowed
 * @ret_text    the message with its terminating NUL; the caller frees it
 * @ret_length  with the NUL: what has to be sent
 *
 * Return 0, -EINVAL (not encodable: two flags, a malformed name, parameters that are not an object),
 * -EMSGSIZE (longer than VARLINK_MESSAGE_MAX) or -ENOMEM.
 */
int varlink_call_encode(const char *method, json_t *parameters, unsigned int flags, char **ret_text,
                        size_t *ret_length);
int varlink_reply_encode(const char *error, json_t *parameters, bool continues, char **ret_text,
                         size_t *ret_length);

/*
 * Splits `interface.Member`. Returns the length of the interface part, or 0 if `name` has not the form that
 * the grammar asks.
 */
size_t varlink_name_interface(const char *name);

#endif
