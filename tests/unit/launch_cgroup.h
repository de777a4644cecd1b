/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_CGROUP_H
#define TESTS_LAUNCH_CGROUP_H

/* Where cgroup2 is mounted, and a cgroup of a test's own there. */

#include <check.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void find_cgroup2(char *path, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;

    ck_assert_ptr_nonnull(mounts);
    while ((entry = getmntent(mounts)) && strcmp(entry->mnt_type, "cgroup2") != 0)
        ;
    ck_assert_msg(entry != NULL, "cgroup2 must be mounted for this test");
    (void)snprintf(path, size, "%s", entry->mnt_dir);
    (void)endmntent(mounts);
}

/* Makes a cgroup, for the caller to remove. Returns its fd. */
static inline int run_make_cgroup(char *path, size_t size)
{
    char root[256];
    int fd;

    find_cgroup2(root, sizeof(root));
    (void)snprintf(path, size, "%s/czone-launch-test-%d", root, (int)getpid());
    ck_assert_int_eq(mkdir(path, 0755), 0);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

#endif
