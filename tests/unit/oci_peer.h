/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OCI_PEER_H
#define TESTS_OCI_PEER_H

/* czone-oci as its callers run it: a bundle, a directory for records, and a peer that answers as a czoned
 * with one container would, unless the test has it otherwise. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/ctl_peer.h"

#define SPAWN   "io.czone.Container.Spawn"
#define START   "io.czone.Container.Start"
#define EXEC    "io.czone.Container.Exec"
#define WAIT    "io.czone.Container.Wait"
#define LOGS    "io.czone.Container.Logs"
#define KILL    "io.czone.Container.Kill"
#define WRITE   "io.czone.Container.Write"
#define RESIZE  "io.czone.Container.Resize"
#define REMOVE  "io.czone.Container.Remove"
#define INSPECT "io.czone.Container.Inspect"

#define GONE "io.czone.Container.NoSuchContainer"

extern struct peer peer;
extern char root[96], bundle[96], pid_file[96];

/* How the peer plays; reset before each test. */
struct script {
    const char *spawn_error, *remove_error;
    const char *state;   /* by Inspect */
    const char *failure; /* of the container, or of the session: members, beginning with a comma */
    const char *end;     /* the same: how it ends */
    const char *kill_at; /* method and `until`: czone-oci is killed there, before the answer */
    const char *signal_at;
    const char *break_at;         /* there the connection is closed instead of an answer, `times` */
    const char *odd_at;           /* there the state in the answer is none that we know, `times` */
    const char *error_at, *error; /* there an error is the answer, `times` */
    unsigned int times;
    size_t input;      /* the program ends when it has so many bytes; 0: at once */
    const char *until; /* and this was called; NULL: at once */
    bool forgotten, foreign;
};

extern struct script script;

/* Of all Writes that were answered, each byte at its offset. */
extern char written[256];
extern size_t n_written;

void oci_set_up(void);
void oci_tear_down(void);

/* config.json of the bundle. */
void oci_config(const char *text);
/* A file in the bundle. */
const char *oci_file(const char *name, const char *text);

#define OCI(...)                                                                                             \
    peer_run_words(&peer,                                                                                    \
                   (char *const *)(const char *const[]){ "czone-oci", "--address", peer.address, "--root",   \
                                                         root, "--memory", "64M", __VA_ARGS__, NULL })

/* A container "web", and what its stand-in ended with, as waitpid(2) has it. */
void oci_create(void);
int oci_stand_in(void);
pid_t oci_pid(void);

/* The last run failed, and said so. */
void oci_complains(const char *words);

/* A parameter of the last call of a method. */
const json_t *sent(const char *method, const char *name);

int oci_test_main(TCase *tests, const char *name);

#endif
