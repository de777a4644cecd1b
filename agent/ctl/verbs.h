/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

/* One per verb_*.c. */

#include "agent/ctl/verb.h"

extern const struct verb verb_run, verb_exec, verb_attach, verb_ps, verb_inspect, verb_wait, verb_kill,
    verb_stop, verb_update, verb_stats, verb_rm, verb_logs, verb_zones, verb_verify, verb_receipts,
    verb_events, verb_info, verb_bridge, verb_completion, verb_help;

#endif
