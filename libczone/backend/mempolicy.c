/* SPDX-License-Identifier: Apache-2.0 */
#include "mempolicy.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void policy_relative(unsigned index, struct czone_policy *ret_policy)
{
    enum { BITS = 8 * sizeof(ret_policy->nodes[0]) };

    memset(ret_policy, 0, sizeof(*ret_policy));
    ret_policy->mode = MPOL_BIND | MPOL_F_RELATIVE_NODES;
    ret_policy->nodes[index / BITS] = 1UL << (index % BITS);
}

int czone_policy_apply(const struct czone_policy *policy)
{
    /* The raw call: libnuma's print and exit. The kernel reads one bit less than it is told of. */
    if (syscall(SYS_set_mempolicy, policy->mode, policy->nodes, (unsigned long)CZONE_POLICY_MAX_NODES + 1) <
        0)
        return -errno;
    return 0;
}
