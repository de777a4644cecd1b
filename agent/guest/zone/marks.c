/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"

int marks_open(struct marks *marks, const char *run_dir, const char *name)
{
    CLEANUP_FD int run_fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (run_fd < 0 || (mkdirat(run_fd, name, 0700) < 0 && errno != EEXIST))
        return -errno;
    marks->dir_fd = openat(run_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return marks->dir_fd < 0 ? -errno : 0;
}

void marks_close(struct marks *marks)
{
    cleanup_fd(&marks->dir_fd);
    marks->dir_fd = -EBADF;
}

void marks_set(struct marks *marks, const char *name)
{
    CLEANUP_FD int fd = openat(marks->dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        log_warning("cannot note %s in the run directory: %s", name, strerror(errno));
}

void marks_clear(struct marks *marks, const char *name)
{
    if (unlinkat(marks->dir_fd, name, 0) < 0 && errno != ENOENT)
        log_warning("cannot remove the note of %s from the run directory: %s", name, strerror(errno));
}

bool marks_has(const struct marks *marks, const char *name)
{
    return faccessat(marks->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int marks_each(struct marks *marks, void (*fn)(void *data, const char *name), void *data)
{
    struct dirent **entries;
    int n = scandirat(marks->dir_fd, ".", &entries, NULL, alphasort);

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.')
            fn(data, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
