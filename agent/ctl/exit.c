/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/exit.h"

#include <stddef.h>

static const char *const texts[] = {
    [EXIT_OK] = "done",
    [EXIT_FAILED] = "failed",
    [EXIT_USAGE] = "wrong usage or argument",
    [EXIT_CONNECTION] = "nobody reached, or the connection broke",
    [EXIT_REFUSED] = "refused by guest or host",
    [EXIT_NO_MEMORY] = "no memory for a zone",
    [EXIT_CANNOT_RUN] = "root, user, bundle or program is no good",
    [EXIT_NO_PROGRAM] = "program not found",
    [EXIT_NOT_FOUND] = "no such container or zone",
    [EXIT_TIMED_OUT] = "timed out",
    [EXIT_NOT_EXCLUSIVE] = "a zone is not exclusive",
    [EXIT_DETACHED] = "detached, the container goes on",
};

const char *exit_text(int code)
{
    if (code < 0 || (size_t)code >= sizeof(texts) / sizeof(*texts))
        return NULL;
    return texts[code];
}

int exit_of_run(enum exit_code code)
{
    if (code == EXIT_DETACHED)
        return EXIT_RUN_BASE;
    if (code == EXIT_OK)
        return 0;
    if (code > EXIT_NO_PROGRAM)
        return EXIT_RUN_BASE + EXIT_FAILED;
    return EXIT_RUN_BASE + (int)code;
}

int exit_of_process(int status, int signal)
{
    return signal ? 128 + signal : status;
}
