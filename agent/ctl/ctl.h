/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/*
 * One run of czonectl: what the common options said, the two terminals, the connection, and how errors are
 * told. A function here that returns an exit_code other than EXIT_OK has printed why.
 */

#include <jansson.h>
#include <stdbool.h>

#include "agent/ctl/exit.h"
#include "agent/ctl/terminal.h"
#include "agent/ctl/verb.h"
#include "proto/client.h"

#define CTL_ADDRESS_DEFAULT  "unix:/run/czone/czoned.sock"
#define CTL_ADDRESS_VARIABLE "CZONE_ADDRESS"

/* Answers that need no work: later than this the guest hangs. */
#define CTL_ANSWER_MS 30000
/* How long one attempt to connect may take. Two seconds is what Linux gives a vsock peer that is not there.
 */
#define CTL_CONNECT_MS 5000

struct ctl_options {
    const char *vm;
    const char *color;
    int64_t retry; /* seconds */
    bool json, help, version;
};

struct ctl {
    struct ctl_options options;
    const struct verb *verb; /* NULL: none yet */
    struct address address;
    bool address_given;
    struct terminal out, err;
    struct varlink_client *client; /* of ctl_call(); connected when first needed */
};

/* Looks at the terminals and reads the address. Needs `options` to be set. */
enum exit_code ctl_prepare(struct ctl *ctl);
void ctl_done(struct ctl *ctl);

/* Talks to `text` from here on. @origin  where it was written, for the message: `--vm` */
enum exit_code ctl_set_address(struct ctl *ctl, const char *text, const char *origin);

/* Prints `czonectl VERB: ...` on standard error. Text is escaped; no newline needed. */
void ctl_error(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What to do about it, on a line of its own. NULL prints nothing. */
void ctl_hint(const struct ctl *ctl, const char *hint);
/* Something to know that is no error. */
void ctl_note(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum exit_code ctl_no_memory(const struct ctl *ctl);
/* The request does not fit into a message. */
enum exit_code ctl_too_long(const struct ctl *ctl);

/* Connects a socket. Waits for the guest as long as --retry says. */
enum exit_code ctl_connect_socket(const struct ctl *ctl, int *ret_fd);
/* The same with a client on it: for streams, which need a connection of their own. */
enum exit_code ctl_connect(const struct ctl *ctl, struct varlink_client **ret);
/* Tells what ctl_connect() would: for those who connect themselves. */
enum exit_code ctl_connect_failed(const struct ctl *ctl, int error, const struct reason *reason);
/* Tells why a connection ended. */
enum exit_code ctl_connection_lost(const struct ctl *ctl, const struct varlink_client *client, int error);

/*
 * A call with one answer.
 *
 * @parameters  consumed; NULL is a failed json_pack(), and told
 * @timeout_ms  CTL_ANSWER_MS, or -1: for ever
 * @ret         the answer's parameters, to be released by the caller; may be NULL
 */
enum exit_code ctl_call(struct ctl *ctl, const char *method, json_t *parameters, int timeout_ms,
                        json_t **ret);

/* As ctl_call(), but an error reply is the caller's to judge. @ret  an empty reply, which the caller empties.
 */
enum exit_code ctl_exchange(struct ctl *ctl, const char *method, json_t *parameters, int timeout_ms,
                            struct varlink_reply *ret);

/* Tells an error reply: the guest's sentence and what to do. Returns the code that belongs to it. */
enum exit_code ctl_error_reply(const struct ctl *ctl, const char *error, json_t *parameters);
/* The code alone, for a stable error id. */
enum exit_code ctl_code_of_error(const char *error);
/* A reply that lacks a field or has nonsense in it. */
enum exit_code ctl_bad_reply(const struct ctl *ctl, const char *method, const char *field, const char *what);

/* One JSON object on a line of standard output, ASCII. */
enum exit_code ctl_print_json(const struct ctl *ctl, const json_t *object);

#endif
