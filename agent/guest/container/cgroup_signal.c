/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_signal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/pidfd.h>

#include "proto/cleanup.h"

/* The kernel's most pids (PID_MAX_LIMIT, 4 Mi), eight bytes each. */
#define PIDS_TEXT_MAX ((size_t)64 << 20)

/* cgroup.procs, however long. */
static int read_pids(struct czone_cgroup *cgroup, char **ret_list)
{
    for (size_t size = 65536; size <= PIDS_TEXT_MAX; size *= 4) {
        CLEANUP_FREE char *list = malloc(size);
        int r;

        if (list == NULL)
            return -ENOMEM;
        r = czone_cgroup_read(cgroup, "cgroup.procs", list, size);
        if (r == -ENOBUFS)
            continue;
        if (r < 0)
            return r;
        *ret_list = list;
        list = NULL;
        return 0;
    }
    return -ENOBUFS;
}

/* A pid that is reused between list and signal would hit another: it can be another's only when all pids have
 * gone round meanwhile. */
int cgroup_signal(struct czone_cgroup *cgroup, int signal)
{
    CLEANUP_FREE char *list = NULL;
    char *next, *line;
    int r, n = 0;

    r = read_pids(cgroup, &list);
    for (line = r < 0 ? NULL : list; line != NULL && *line != '\0'; line = next) {
        pid_t pid = (pid_t)strtol(line, &next, 10);
        CLEANUP_FD int pidfd = pid > 0 ? pidfd_open(pid, 0) : -EBADF;

        if (next == line)
            break;
        if (*next == '\n')
            next++;
        if (pidfd >= 0 && pidfd_send_signal(pidfd, signal, NULL, 0) == 0)
            n++;
    }
    if (r < 0)
        return r;
    return n > 0 ? 0 : -ESRCH;
}
