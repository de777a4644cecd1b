/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_GUEST_MOUNTS_H
#define GUEST_LAUNCH_GUEST_MOUNTS_H

#include <stdint.h>

#include "agent/guest/launch/userns.h"

/*
 * Puts on a copy of the guest's root what the guest has mounted on its own, mount by mount, but for what lies
 * where a container has mounts of its own: no container has the guest's /proc, its daemon's socket in /run or
 * its device files anywhere in its namespace. Most guests have nothing else mounted, so this costs one file
 * read; to copy everything and unmount five of it would cost a grace period for each.
 *
 * tree: root of the copy, attached over "/" of the caller, whose own root is still the guest's; its /proc
 * too. attributes: MOUNT_ATTR_* of each. userns: whose owners each gets if its file system can be mapped;
 * without a namespace none. Returns 0 or a negative errno.
 */
int launch_guest_mounts_copy(int tree, uint64_t attributes, const struct launch_userns *userns);

#endif
