/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_AUTO_ONLINE_H
#define GUEST_AUTO_ONLINE_H

/*
 * The kernel may put plugged memory online by itself (auto_online_blocks; "online" is what Debian's 6.12
 * starts with), as memory for its own objects. Within milliseconds something unmovable is in it, and it
 * cannot be a zone any more. Zones are put online by us, so this is off while czoned runs.
 */

struct auto_online {
    char before[16]; /* what to put back; "" when it was left alone */
};

/*
 * Writes "offline" if the kernel would put memory online for its own use; "online_movable" is left alone.
 * Returns 0 or a negative errno, which has been logged.
 */
int auto_online_disable(struct auto_online *auto_online);

/* Puts back what was there. */
void auto_online_restore(struct auto_online *auto_online);

#endif
