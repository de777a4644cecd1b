/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CTL_PEER_H
#define TESTS_CTL_PEER_H

/*
 * A peer that answers as a test's script says, on proto's server side, and the real czonectl run against it.
 * What a czoned would do is not imitated: a test states each answer, and sees each call.
 */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proto/connection.h"

#define PEER_CONNECTIONS 8
#define PEER_CALLS       64

struct peer;

/* Answers one call, now or later. `peer->n_calls` counts it already. */
typedef void (*peer_script)(struct peer *peer, struct varlink_connection *connection,
                            const struct varlink_call *call);

struct peer {
    peer_script script;
    int listen_fd;
    char directory[64];
    char address[128]; /* for --vm */
    struct varlink_connection *connections[PEER_CONNECTIONS];
    struct varlink_connection *dropped; /* closed after the script returns, as a peer that dies would */

    /* What was called: method and parameters, in order. */
    char *methods[PEER_CALLS];
    json_t *parameters[PEER_CALLS];
    size_t n_calls;

    bool terminal;      /* run czonectl on a pseudo-terminal of 80 columns */
    const char *input;  /* what it finds on its standard input, if that is no terminal; NULL: ours */
    bool close_output;  /* close our end of its standard output at once */
    bool ignore_output; /* its standard output, which holds little, is not read while this is set and it runs
                         */
    int away_ms;        /* set by a script: all connections break, and for so long nobody answers */
    pid_t child;        /* czonectl, while it runs */
    int keyboard;       /* of its terminal, while it runs: for scripts that type */
    /* Called when nothing has happened for 50 ms, and again after as long; or NULL. */
    void (*on_quiet)(struct peer *peer);

    /* What the last run left. */
    int status; /* exit status, or 128 + signal */
    char out[65536], err[65536];
    size_t n_out, n_err;
};

void peer_open(struct peer *peer, peer_script script);
void peer_close(struct peer *peer);

/* Runs `czonectl --vm ADDRESS WORDS...` to its end, while the script answers. The last argument is NULL. */
void peer_run(struct peer *peer, ...);
/* The same with the words as they are: no --vm. */
void peer_run_words(struct peer *peer, char *const words[]);

/* How many calls of this method came, and the last one's parameters (borrowed; NULL: none). */
size_t peer_count(const struct peer *peer, const char *method);
json_t *peer_last(const struct peer *peer, const char *method);

/* Answers with JSON text, `'` standing for `"`. */
void peer_reply(struct varlink_connection *connection, const char *text);
void peer_continue(struct varlink_connection *connection, const char *text);
void peer_error(struct varlink_connection *connection, const char *error, const char *text);
/* JSON text to an object. */
json_t *peer_json(const char *text);

/* A container in JSON text, with what is usual. `more` is further members, beginning with a comma, or "". */
const char *peer_container(const char *id, const char *state, const char *more);

#endif
