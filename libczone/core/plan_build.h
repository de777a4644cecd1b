/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_PLAN_BUILD_H
#define CZONE_CORE_PLAN_BUILD_H

#include "plan.h"

/* An empty plan with room for so many ops; NULL: no memory. */
struct plan *plan_new(enum plan_mode mode, unsigned timeout_ms, size_t room);

/* Appends an op; there must be room. */
struct plan_op *plan_add(struct plan *plan, enum plan_op_kind kind);

#endif
