/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_OCI_H
#define OCI_OCI_H

/* One run of czone-oci: what the global options said, how errors are told, and calls to czoned. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/client.h"

#define OCI_ROOT_DEFAULT    "/run/czone-oci"
#define OCI_ADDRESS_DEFAULT "unix:/run/czone/czoned.sock"

/* Answers that need no work: later than this czoned hangs. */
#define OCI_ANSWER_MS 30000
/* How long czoned may be away: a restart takes a second or two. */
#define OCI_PATIENCE_MS 30000

struct oci {
    const char *root;    /* directory of the records */
    const char *address; /* of czoned */
    const char *log;     /* file that errors are appended to as well; NULL: none */
    const char *runtime; /* of the guest, that makes the containers; NULL: czoned does */
    bool log_json;
    int64_t memory; /* of containers whose config.json does not limit it; 0: it has to */
};

/* Prints `czone-oci: ...` on standard error and appends it to the log. Returns EXIT_FAILURE. */
int oci_error(const struct oci *oci, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds of a clock that never jumps. */
int64_t oci_ticks(void);

/* What becomes of a call whose connection breaks, because czoned restarts: nobody knows then whether it was
 * done. */
enum oci_repeat {
    OCI_ONCE,    /* it has failed */
    OCI_REPEATS, /* it is made again: twice is the same as once */
};

/*
 * One call on a connection of its own. When czoned is busy, or breaks a connection that it had and the call
 * repeats, it is tried again for OCI_PATIENCE_MS.
 *
 * @parameters  consumed; NULL is a failed json_pack(), and told
 * @timeout_ms  -1: for ever
 * @unless      an error id that is answered with EXIT_SUCCESS and an empty *ret; NULL: none
 * @ret         the answer's parameters, the caller's; may be NULL
 *
 * Returns EXIT_SUCCESS, or EXIT_FAILURE and has told why.
 */
int oci_call(const struct oci *oci, enum oci_repeat repeat, const char *method, json_t *parameters,
             int timeout_ms, const char *unless, json_t **ret);

/*
 * Tells the `failure` of a container or session, if it has one. Returns EXIT_FAILURE then, else EXIT_SUCCESS.
 */
int oci_failure(const struct oci *oci, const json_t *object);

/* Reads a caller's JSON file, config.json or that of --process: an object. Returns EXIT_SUCCESS, or
 * EXIT_FAILURE and has told why. */
int oci_document(const struct oci *oci, const char *path, json_t **ret_document);

/* Writes what --pid-file asks for; NULL: nothing. Returns as the above. */
int oci_pid_file(const struct oci *oci, const char *path, pid_t pid);

/* The commands. Words: what follows the command's name, NULL-terminated, argv[0] being that name. Each
 * returns the exit status and has told what was wrong. */
int command_create(const struct oci *oci, int argc, char **argv);
int command_exec(const struct oci *oci, int argc, char **argv);
int command_start(const struct oci *oci, int argc, char **argv);
int command_state(const struct oci *oci, int argc, char **argv);
int command_kill(const struct oci *oci, int argc, char **argv);
int command_delete(const struct oci *oci, int argc, char **argv);
int command_features(const struct oci *oci, int argc, char **argv);

#endif
