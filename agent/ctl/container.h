/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CONTAINER_H
#define CTL_CONTAINER_H

/* A container as io.czone.Container describes it. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/ctl/ctl.h"

/* Strings and JSON are borrowed from the object it was read from. */
struct container {
    const char *id;
    const char *state;
    json_t *args;
    int64_t pid;
    int64_t memory;
    const char *tier;
    const char *zone; /* or NULL */
    const char *zone_state;
    int64_t node;                    /* or -1 */
    int64_t range_start, range_size; /* or -1 */
    int64_t created;
    int64_t started, exited; /* or -1 */
    int64_t exit_status;     /* or -1 */
    int64_t exit_signal;     /* or 0 */
    bool oom_killed, keeper_lost;
    const char *failure_id, *failure_message; /* or NULL */
};

/* Reads `object`, which came with the answer to `method`; tells if it makes no sense. */
enum exit_code container_read(const struct ctl *ctl, const char *method, json_t *object,
                              struct container *ret);

/* As container_read(), for the member `container` of an answer. */
enum exit_code container_of_answer(const struct ctl *ctl, const char *method, json_t *answer,
                                   struct container *ret);

bool container_failed(const struct container *container);
/* Has its program ended (whatever became of its memory)? */
bool container_ended(const struct container *container);

/* Its command line, words with odd characters quoted as for a shell. To be freed; NULL without memory. */
char *container_command(const struct container *container);

/* How its state is painted. */
enum paint container_paint(const struct container *container);

/* Prints all about it, for people. */
enum exit_code container_print(const struct ctl *ctl, const struct container *container);

/* Tells why it never ran. Returns the code that belongs to the failure. */
enum exit_code container_tell_failure(const struct ctl *ctl, const struct container *container);

/* Tells what its status alone does not say: that it ran out of memory, or that its keeper was killed. */
void container_tell_end(const struct ctl *ctl, const struct container *container);

/* What a shell would say: exit_of_process(). Only if it ended and did not fail. */
int container_status(const struct container *container);

#endif
