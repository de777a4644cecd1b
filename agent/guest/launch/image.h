/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_IMAGE_H
#define GUEST_LAUNCH_IMAGE_H

#include <stddef.h>

/* The file systems a layer on a block device can have; which one is told by what is on the device. */
enum launch_image_kind {
    LAUNCH_IMAGE_UNKNOWN,
    LAUNCH_IMAGE_EROFS,
    LAUNCH_IMAGE_SQUASHFS,
    LAUNCH_IMAGE_EXT4,
};

/* What a device needs to have of its begin for launch_image_detect(). */
#define LAUNCH_IMAGE_HEAD 2048

/* Tells the kind by the magic numbers in the first size bytes of a device. Pure. */
enum launch_image_kind launch_image_detect(const unsigned char *head, size_t size);

/*
 * Mounts an image read-only, nowhere yet; no journal is replayed. A device that offers it (pmem) is mounted
 * DAX where the file system can, so that the guest caches none of it. fd: O_PATH, of a block device.
 *
 * Returns the fd of the mount or a negative errno; *ret_why: a static sentence on it, NULL where the errno
 * says it all. -EMEDIUMTYPE: no image that is known. -ENODEV: the kernel lacks the file system. Reads from
 * the device.
 */
int launch_image_mount(int fd, const char **ret_why);

#endif
