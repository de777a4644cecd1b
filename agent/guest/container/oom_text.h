/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_OOM_TEXT_H
#define GUEST_CONTAINER_OOM_TEXT_H

/*
 * What the kernel says in its log when it kills a process for want of memory (mm/oom_kill.c, the same words
 * since 5.0). Pure.
 *
 * The line "oom-kill:…" names victim and cgroup in one, but the kernel says it at most ten times in 5 s.
 * "…Killed process…" is always said, without the cgroup; where the whole cgroup goes (memory.oom.group)
 * "Tasks in … are going to be killed" follows.
 */

#include <stddef.h>

/* 15 bytes in the kernel, of which each may be escaped as \xNN. */
#define OOM_TEXT_PROCESS_MAX 64

enum oom_text_kind {
    OOM_TEXT_OTHER,  /* nothing of that */
    OOM_TEXT_VICTIM, /* pid, process and cgroup */
    OOM_TEXT_KILLED, /* pid and process */
    OOM_TEXT_GROUP,  /* cgroup */
};

struct oom_text {
    int pid; /* in the guest's own pid namespace */
    char process[OOM_TEXT_PROCESS_MAX + 1];
    const char *cgroup; /* from the root of the hierarchy, with a leading slash; points into the record… */
    size_t cgroup_length; /* …and is so long */
};

/*
 * Takes a record of /dev/kmsg apart. What user space has written there counts as OTHER, whatever it says.
 *
 * @record  "6,339,5140900,-;text\n…", NUL-terminated
 */
enum oom_text_kind oom_text_parse(const char *record, struct oom_text *ret);

#endif
