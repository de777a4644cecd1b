/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_CGROUP_H
#define TESTS_LAUNCH_CGROUP_H

/* A cgroup of a test's own. */

#include <check.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes a cgroup where cgroup2 is mounted, for the caller to remove. Returns its fd. */
static inline int run_make_cgroup(char *path, size_t size)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    int fd;

    ck_assert_ptr_nonnull(mounts);
    while ((entry = getmntent(mounts)) && strcmp(entry->mnt_type, "cgroup2") != 0)
        ;
    ck_assert_msg(entry != NULL, "cgroup2 must be mounted for this test");
    (void)snprintf(path, size, "%s/czone-launch-test-%d", entry->mnt_dir, (int)getpid());
    (void)endmntent(mounts);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

#endif
