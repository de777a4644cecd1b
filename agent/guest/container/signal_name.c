/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/signal_name.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

int signal_from_name(const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);

    if (*end == '\0')
        return name[0] >= '1' && name[0] <= '9' && number < NSIG ? (int)number : 0;
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < NSIG; i++) {
        const char *known = sigabbrev_np(i);

        if (known != NULL && strcmp(known, name) == 0)
            return i;
    }
    return 0;
}
