/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_FAILURE_SET_H
#define CZONE_CORE_FAILURE_SET_H

#include <czone/failure.h>

/*
 * Fills the caller's failure (NULL: does nothing) and returns `error`, so that a function can fail in one
 * statement: return failure_set(failure, -ENOSPC, CZONE_STAGE_PLACE, CZONE_NODE_NONE, "...", ...);
 * A message that is too long is cut at a character boundary.
 */
int failure_set(struct czone_failure *failure, int error, enum czone_stage stage, czone_node_id node,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* As an expression that is `error` for whoever reads the caller alone, such as a static analyzer. */
#define failure_set(failure, error, ...)                                                                     \
    ({                                                                                                       \
        const int failure_error_ = (error);                                                                  \
        (void)failure_set((failure), failure_error_, __VA_ARGS__);                                           \
        failure_error_;                                                                                      \
    })

/* The same for a failure that concerns one block. */
int failure_set_block(struct czone_failure *failure, int error, enum czone_stage stage, czone_node_id node,
                      czone_block_id block, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
