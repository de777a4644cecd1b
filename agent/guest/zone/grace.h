/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_GRACE_H
#define GUEST_ZONE_GRACE_H

/*
 * RCU's grace periods, of which taking a zone's blocks online or offline is mostly made: the kernel waits for
 * one after the other, each as long as every CPU needs to pass a quiescent state by itself. While jobs that
 * change memory run they are expedited: the CPUs are interrupted instead (/sys/kernel/rcu_expedited,
 * Documentation/admin-guide/kernel-parameters.txt "rcupdate.rcu_expedited"). The rest of the time it is as
 * the operator has it, since the interrupts cost the containers a little.
 */

#include "agent/guest/zone/marks.h"

#define GRACE_ATTRIBUTE "/sys/kernel/rcu_expedited"

struct grace {
    const char *attribute; /* NULL: the kernel lacks it, or expedites them all the time */
    struct marks *marks;
    unsigned int n_holders;
};

/*
 * Looks at the attribute; one that a czoned left on when it crashed is put back, which a mark tells.
 *
 * @attribute  GRACE_ATTRIBUTE; borrowed. A kernel without it is no error
 * @marks      borrowed for grace's life
 *
 * Returns 0 or a negative errno.
 */
int grace_open(struct grace *grace, const char *attribute, struct marks *marks);
/* Puts back what was there. Accepts one that is all zero. */
void grace_close(struct grace *grace);

/* Expedites them until as many grace_release() as grace_hold() were called. A failure is logged: all goes on,
 * more slowly. */
void grace_hold(struct grace *grace);
void grace_release(struct grace *grace);

#endif
