/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_DISK_H
#define TESTS_LAUNCH_DISK_H

/* A file system of the test's own, on a loop device, in a mount namespace of its own: gone with the test.
 * Needs root, loop devices and the tools that make file systems. */

#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/launch_fixture.h"

struct disk {
    struct fixture fixture;
    char place[80]; /* where it is mounted */
};

static inline const char *disk_path(const struct disk *disk, const char *path)
{
    static char buffer[4][PATH_MAX];
    static unsigned next;
    char *result = buffer[next++ % 4];

    ck_assert_int_lt(snprintf(result, PATH_MAX, "%s/%s", disk->place, path), PATH_MAX);
    return result;
}

/* The process is in a mount namespace of its own already, or will have none but this disk's. */
static inline void disk_set_up(struct disk *disk, const char *type, const char *size)
{
    char command[512];

    fixture_set_up(&disk->fixture);
    fixture_dir(&disk->fixture, "/disk");
    (void)snprintf(disk->place, sizeof(disk->place), "%s/disk", disk->fixture.root);
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    (void)snprintf(command, sizeof(command),
                   "PATH=$PATH:/usr/sbin:/sbin; truncate -s %s %s/image && mkfs.%s -q %s/image && "
                   "mount -o loop %s/image %s",
                   size, disk->fixture.root, type, disk->fixture.root, disk->fixture.root, disk->place);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static inline void disk_tear_down(struct disk *disk)
{
    ck_assert_int_eq(umount2(disk->place, MNT_DETACH), 0);
    fixture_tear_down(&disk->fixture);
}

#endif
