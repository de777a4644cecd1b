/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../cleanup.h"
#include "attr.h"
#include "hierarchy.h"
#include "machine.h"

/* keep[] of a helper and the descriptors of the state. */
#define KEEP_MAX 8

static int open_cgroup(struct czone_sys *sys, const char *home_nodes)
{
    cleanup_free char *nodes = NULL;
    int r;

    if (sys->helper_fd < 0) {
        int fd = hierarchy_create(sys, HELPER_CGROUP);

        if (fd == -EEXIST)
            fd = openat(sys->base_fd, HELPER_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return fd == -1 ? -errno : fd;
        sys->helper_fd = fd;
    }
    if (sys->helper_nodes && strcmp(sys->helper_nodes, home_nodes) == 0)
        return 0;
    nodes = strdup(home_nodes);
    if (!nodes)
        return -ENOMEM;
    r = attr_write(sys->helper_fd, "cpuset.mems", home_nodes);
    if (r < 0)
        return r;
    free(sys->helper_nodes);
    sys->helper_nodes = TAKE_PTR(nodes);
    return 0;
}

/* Everything but `keep`, which ascends, so that a helper holds nothing of its parent's open: no peer of it
 * waits for the helper's end to see a connection closed. */
static void close_others(const int *keep, size_t n)
{
    unsigned first = 0;

    for (size_t i = 0; i < n; i++) {
        if ((unsigned)keep[i] > first)
            (void)syscall(SYS_close_range, first, (unsigned)keep[i] - 1, 0);
        first = (unsigned)keep[i] + 1;
    }
    (void)syscall(SYS_close_range, first, ~0U, 0);
}

static void insert(int *set, size_t *n, int fd)
{
    size_t i = (*n)++;

    for (; i > 0 && set[i - 1] > fd; i--)
        set[i] = set[i - 1];
    set[i] = fd;
}

static void confine(struct czone_sys *sys, pid_t parent, const int *keep, size_t n_keep)
{
    int set[KEEP_MAX + 2];
    size_t n = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it died before the line above */
    (void)prctl(PR_SET_NAME, "czone-helper");
    for (size_t i = 0; i < n_keep; i++)
        insert(set, &n, keep[i]);
    insert(set, &n, sys->memory_fd);
    insert(set, &n, sys->node_fd);
    close_others(set, n);
}

pid_t helper_fork(struct czone_sys *sys, const char *home_nodes, const int *keep, size_t n_keep,
                  int *ret_pidfd)
{
    struct clone_args args = {
        /* No exit signal: the helper is then no child that wait() without __WALL sees, and is kept for us
         * even where SIGCHLD is ignored. Handlers of the parent must not run in it. */
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .exit_signal = 0,
    };
    pid_t parent = getpid(), pid;
    sigset_t all, before;
    int pidfd = -EBADF, r;

    if (n_keep > KEEP_MAX)
        return -EINVAL;
    r = open_cgroup(sys, home_nodes);
    if (r < 0)
        return r;
    args.pidfd = (uint64_t)(uintptr_t)&pidfd;
    if (sys->is_cgroup2) {
        /* Moving it later would cost a grace period of the kernel's cgroup lock. */
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)sys->helper_fd;
    }
    /* Blocked in the helper for good: a pending signal would end an offline, and an interrupt at the terminal
     * is the parent's to handle. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        confine(sys, parent, keep, n_keep);
        return 0;
    }
    r = -errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return r;
    *ret_pidfd = pidfd;
    return pid;
}
