/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_MASK_H
#define GUEST_LAUNCH_MASK_H

/* Covers in a file system of the kernel's own (/proc, /sys), which is attached by now: no path of it can be
 * an image's. Paths that this kernel does not have are no error. */

/*
 * Covers a file with /dev/null, a directory with an empty one.
 *
 * @fs     mount of the file system; path is below it
 * @dev    mount of /dev
 * @empty  an empty directory, which is mounted read-only; made when it is needed first if it is -EBADF, and
 * the caller's then
 *
 * Returns 0 or a negative errno of the mount calls.
 */
int launch_mask(int fs, const char *path, int dev, int *empty);

/* Makes a file, or a directory and all below, read-only. Returns 0 or a negative errno of the mount calls. */
int launch_mask_read_only(int fs, const char *path);

#endif
