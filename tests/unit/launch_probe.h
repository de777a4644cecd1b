/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_PROBE_H
#define TESTS_LAUNCH_PROBE_H

/* What the parts of launch_probe share: a check returns 0, or 1 after it has said what is not so. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            dprintf(2, "%s:%d: not so: %s (%s)\n", __func__, __LINE__, #condition, strerror(errno));         \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

#define DENIED(error, call) EXPECT((call) < 0 && errno == (error))

/* Of a container's network (launch_probe_network.c). */
int probe_loopback_only(void);
int probe_calls_its_gateway(void);

/* Of a container's users (launch_probe_user.c). */
int probe_user_has_nothing(void);
int probe_has_users_of_its_own(void);

/* Whether /proc/self/status has this line. */
bool probe_status_says(const char *line);

/* Does each action, a letter and a path, and prints a line on it: its result, or the name of the error
 * (launch_probe_file.c). NULL-terminated. Returns 0. */
int probe_act(char **actions);

#endif
