/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_SETTINGS_H
#define GUEST_ZONE_SETTINGS_H

/* Settings of the kernel that zones need for as long as czoned runs; settings.c says which, and why. */

#define SETTINGS_MAX 2

struct settings {
    char before[SETTINGS_MAX][16]; /* what to put back; "" when it was left alone */
};

/* Sets those that this kernel has. Returns 0 or a negative errno, which has been logged. */
int settings_set(struct settings *settings);

/* Puts back what was there. */
void settings_restore(struct settings *settings);

#endif
