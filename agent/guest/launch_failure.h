/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_FAILURE_H
#define GUEST_LAUNCH_FAILURE_H

#include "agent/guest/launch.h"

/*
 * Fills *failure and returns its error. error: negative errno. parameter: static string or NULL. The message
 * is made valid, one-line UTF-8 of the size that fits, whatever bytes of a foreign file the format brings in.
 */
int launch_failure_set(struct launch_failure *failure, enum launch_trouble trouble, enum launch_stage stage,
                       int error, const char *parameter, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Turns control characters and bytes that are not UTF-8 into '?', and cuts a character that is not complete
 * at the end. In place. */
void launch_text_clean(char *text);

#endif
