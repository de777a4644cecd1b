/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_signal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "agent/guest/launch/runtime.h"
#include "proto/cleanup.h"

/* Cgroups below a container's: as deep as czone_cgroup_remove() goes. */
#define DEPTH_MAX 32

static void close_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

static FILE *open_file(int cgroup, const char *name)
{
    CLEANUP_FD int fd = openat(cgroup, name, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

    if (file != NULL)
        (void)take_fd(&fd);
    return file;
}

static DIR *open_dir(int cgroup)
{
    CLEANUP_FD int fd = openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir != NULL)
        (void)take_fd(&fd);
    return dir;
}

/* cgroup.procs as a whole, so that who is born of a signal does not get it. NULL: it cannot be read, since
 * the cgroup has gone, or has no processes. */
static char *read_pids(int cgroup)
{
    CLEANUP(close_file) FILE *file = open_file(cgroup, "cgroup.procs");
    CLEANUP_FREE char *list = NULL;
    size_t size = 0;

    if (file == NULL || getdelim(&list, &size, '\0', file) < 0)
        return NULL;
    return TAKE(list);
}

/* A pid that is reused between list and signal would hit another: it can be another's only when all pids have
 * gone round meanwhile. Returns how many got the signal. */
static int signal_processes(int cgroup, int signal)
{
    CLEANUP_FREE char *list = read_pids(cgroup);
    char *next, *line;
    int n = 0;

    for (line = list; line != NULL && *line != '\0'; line = next) {
        pid_t pid = (pid_t)strtol(line, &next, 10);
        CLEANUP_FD int pidfd = pid > 0 ? pidfd_open(pid, 0) : -EBADF;

        if (next == line)
            break;
        if (*next == '\n')
            next++;
        if (pidfd >= 0 && pidfd_send_signal(pidfd, signal, NULL, 0) == 0)
            n++;
    }
    return n;
}

/* Those of a cgroup and of all below it but one. Returns how many. */
static int signal_tree(int cgroup, int signal, const char *but, unsigned int depth)
{
    CLEANUP(close_dir) DIR *dir = depth > 0 ? open_dir(cgroup) : NULL;
    int n = signal_processes(cgroup, signal);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        CLEANUP_FD int below = -EBADF;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || strcmp(entry->d_name, but) == 0)
            continue;
        below = openat(cgroup, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            n += signal_tree(below, signal, "", depth - 1);
    }
    return n;
}

int cgroup_signal(struct czone_cgroup *cgroup, int signal)
{
    int fd = czone_cgroup_fd(cgroup), n;

    n = signal_tree(fd, signal, LAUNCH_RUNTIME_CGROUP, DEPTH_MAX);
    /* It has not made the container yet. */
    if (n == 0)
        n = signal_tree(fd, signal, "", DEPTH_MAX);
    return n > 0 ? 0 : -ESRCH;
}
