/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/verbs.h"

#include <string.h>

#include "agent/ctl/ctl.h"

const struct verb *const verbs[] = {
    &verb_run,      &verb_exec,   &verb_attach, &verb_ps,     &verb_inspect,    &verb_wait,  &verb_stop,
    &verb_kill,     &verb_update, &verb_stats,  &verb_rm,     &verb_logs,       &verb_zones, &verb_verify,
    &verb_receipts, &verb_events, &verb_info,   &verb_bridge, &verb_completion, &verb_help,  NULL,
};

#define OF(member) offsetof(struct ctl_options, member)
const struct option_row common_options[] = {
    { "vm", 0, OPTION_TEXT, OF(vm), "ADDRESS",
      "the guest: vsock:CID[:PORT], hvsock:PATH[:PORT] or unix:PATH ($CZONE_ADDRESS, "
      "else " CTL_ADDRESS_DEFAULT ")",
      0, 0 },
    { "retry", 0, OPTION_NUMBER, OF(retry), "SECONDS",
      "how long to wait for a guest that does not answer yet (0)", 0, 86400 },
    { "json", 'j', OPTION_FLAG, OF(json), NULL, "print one JSON object per result and line, for programs", 0,
      0 },
    { "color", 0, OPTION_TEXT, OF(color), "WHEN",
      "auto, always or never (auto: on a terminal, unless NO_COLOR is set)", 0, 0 },
    { "help", 'h', OPTION_FLAG, OF(help), NULL, "print help; behind a verb: of that verb", 0, 0 },
    { "version", 0, OPTION_FLAG, OF(version), NULL, "print the version", 0, 0 },
    { 0 },
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (!strcmp((*verb)->name, name))
            return *verb;
    return NULL;
}
