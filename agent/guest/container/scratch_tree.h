/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_SCRATCH_TREE_H
#define GUEST_CONTAINER_SCRATCH_TREE_H

/*
 * Removes what a container has left in a directory, whatever that is: any number of entries, any depth, any
 * names and flags.
 *
 * It follows no symbolic link and enters nothing that is mounted there, which stays. Its time grows with the
 * number of entries and nothing else; it holds a handful of fds and remembers nothing, since directories that
 * are not empty are moved up rather than gone down into. What is interrupted can be begun again.
 */

/*
 * Removes a directory below parent_fd with all that is in it. Blocks on the file system.
 *
 * Returns 0, also if it is not there, or the first error of openat2(), getdents(), unlinkat(), mkdirat() and
 * renameat(), with which something could not be removed (-EXDEV, -EBUSY: something is mounted there); all
 * else is.
 */
int scratch_tree_remove(int parent_fd, const char *name);

#endif
