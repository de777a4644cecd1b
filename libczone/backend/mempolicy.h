/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_MEMPOLICY_H
#define CZONE_BACKEND_MEMPOLICY_H

#include <czone/policy.h>

/* The policy that binds to the node number `index` (from 0) of the task's cpuset. Pure. */
void policy_relative(unsigned index, struct czone_policy *ret_policy);

#endif
