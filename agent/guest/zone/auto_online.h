/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_AUTO_ONLINE_H
#define GUEST_ZONE_AUTO_ONLINE_H

/*
 * Whether and how the kernel puts plugged memory online by itself (auto_online_blocks). "online", which
 * Debian's 6.12 starts with, makes it memory for the kernel's own objects: within milliseconds something
 * unmovable is in it, and it cannot be a zone any more. "offline" stops the virtio-mem driver after 1 GiB,
 * since it adds no more than that ahead of its being online (VIRTIO_MEM_DEFAULT_OFFLINE_THRESHOLD in
 * drivers/virtio/virtio_mem.c). So it is "online_movable" while czoned runs.
 */

struct auto_online {
    char before[16]; /* what to put back; "" when it was left alone */
};

/* Writes "online_movable". Returns 0 or a negative errno, which has been logged. */
int auto_online_set(struct auto_online *auto_online);

/* Puts back what was there. */
void auto_online_restore(struct auto_online *auto_online);

#endif
