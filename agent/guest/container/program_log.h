/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_PROGRAM_LOG_H
#define GUEST_CONTAINER_PROGRAM_LOG_H

/* What a program has written (keeper/log_file.h), as callers of Logs see it, and those who follow it. */

#include "agent/guest/container/keeper_link.h"
#include "agent/guest/container/waiter.h"

struct refusal;

struct program_log {
    const char *name;           /* of the container, for messages; borrowed */
    struct keeper_link *keeper; /* borrowed */
    int dir_fd;                 /* run directory of the program; borrowed */
    int64_t limit;              /* bytes of disk that are kept */
    bool ended;                 /* nothing will follow */
    int64_t end;                /* at least so many bytes were written; all, once ended */
    struct follower_list followers;
};

void program_log_init(struct program_log *output, const char *name, struct keeper_link *keeper, int dir_fd);

/* What the log is of is no more: the followers are told so. */
void program_log_refuse(struct program_log *output, const struct refusal *refusal);

/* Drops the followers without an answer. */
void program_log_done(struct program_log *output);

/* Takes from a keeper's status how much there is, and tells the followers. */
void program_log_update(struct program_log *output, const struct keeper_status *status);

/* Nothing will follow: the followers are answered. Again is harmless. */
void program_log_end(struct program_log *output);

/* Takes the end from what a keeper that is gone has written down. */
void program_log_read_end(struct program_log *output);

/* The offset so many bytes before the end, or of the first byte. */
int64_t program_log_tail(struct program_log *output, int64_t bytes);

/*
 * Answers a call of Logs, and with more goes on until the log has ended.
 *
 * @offset  from where; negative: the oldest byte kept. Beyond the end is answered with an error
 *
 * Returns 0 or a negative errno, then nothing was answered.
 */
int program_log_reply(struct program_log *output, struct varlink_connection *connection, int64_t offset,
                      bool more);

#endif
