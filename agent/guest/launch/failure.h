/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_FAILURE_H
#define GUEST_LAUNCH_FAILURE_H

#include <stddef.h>

/* What is wrong, as far as the caller of a request is concerned. */
enum launch_trouble {
    LAUNCH_TROUBLE_NONE,
    LAUNCH_BAD_PARAMETER, /* failure.parameter is malformed or does not fit the root (cwd, env, hostname) */
    LAUNCH_NO_PROGRAM, /* args[0], its interpreter or its ELF loader is not an executable file in the root */
    LAUNCH_NO_ROOT,    /* root is no directory, or /dev, /proc or /sys in it is something else */
    LAUNCH_NO_USER,    /* user is malformed or not in the root's /etc/passwd */
    LAUNCH_NO_LAYER,   /* layers[index] is missing, damaged, or neither a directory nor an image */
    LAUNCH_NO_SOURCE,  /* the source of mounts[index] is missing */
    LAUNCH_GONE,       /* the container to join has ended */
    LAUNCH_SYSTEM,     /* the kernel refused something */
};

/* What was being done. Stable names by launch_stage_name(). */
enum launch_stage {
    LAUNCH_STAGE_NONE,
    LAUNCH_STAGE_REQUEST, /* reading the request */
    LAUNCH_STAGE_ROOT,    /* opening the root, resolving in it */
    LAUNCH_STAGE_USER,
    LAUNCH_STAGE_PROGRAM,
    LAUNCH_STAGE_CLONE, /* pipes and clone3(); from here on in the child */
    LAUNCH_STAGE_POLICY,
    LAUNCH_STAGE_NAMESPACE,
    LAUNCH_STAGE_NETWORK,
    LAUNCH_STAGE_LAYERS,
    LAUNCH_STAGE_MOUNT,
    LAUNCH_STAGE_PIVOT,
    LAUNCH_STAGE_STDIO,
    LAUNCH_STAGE_LIMITS,
    LAUNCH_STAGE_IDENTITY, /* user, groups, capabilities */
    LAUNCH_STAGE_CWD,
    LAUNCH_STAGE_SECCOMP,
    LAUNCH_STAGE_EXEC,
};

/* The detail of one failure, in memory of the caller. A plain value: nothing in it is allocated. */
struct launch_failure {
    enum launch_trouble trouble;
    enum launch_stage stage;
    int error;             /* negative errno, the same as the function returned */
    const char *parameter; /* name of the request's field: "args", "root", "user"…; NULL with LAUNCH_SYSTEM */
    size_t index;          /* of the element that is meant, where the field is a list */
    char message[512];     /* one sentence: what failed, on what, why, what to do; no newline, valid UTF-8 */
};

/* "mount", "exec"… Static string; "unknown" for a value out of range. */
const char *launch_stage_name(enum launch_stage stage);

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
