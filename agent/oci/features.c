/* SPDX-License-Identifier: Apache-2.0 */
/* `features`, as runtime-spec's features.md has it: what a config.json may have, and no more than czoned
 * does. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/oci/oci.h"
#include "proto/cleanup.h"

int command_features(const struct oci *oci, int argc, char **argv)
{
    CLEANUP_JSON json_t *features = NULL;

    (void)argv;
    if (argc != 1)
        return oci_error(oci, "usage: czone-oci features");
    features =
        json_pack("{s:s, s:s, s:[], s:[s,s,s,s,s,s,s,s,s,s,s,s,s,s,s],"
                  " s:{s:[s,s,s,s,s,s,s], s:[s,s,s,s,s,s,s,s,s,s,s,s], s:{s:b,s:b,s:b,s:b,s:b},"
                  " s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}}",
                  "ociVersionMin", "1.0.0", "ociVersionMax", "1.2.0", "hooks", "mountOptions", "bind",
                  "idmap", "noatime", "nodev", "noexec", "nosuid", "private", "rbind", "relatime", "ridmap",
                  "ro", "rprivate", "rw", "strictatime", "defaults", "linux", "namespaces", "cgroup", "ipc",
                  "mount", "network", "pid", "user", "uts", "capabilities", "CAP_AUDIT_WRITE", "CAP_CHOWN",
                  "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
                  "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT", "cgroup", "v1",
                  0, "v2", 1, "systemd", 0, "systemdUser", 0, "rdma", 0, "seccomp", "enabled", 0, "apparmor",
                  "enabled", 0, "selinux", "enabled", 0, "mountExtensions", "idmap", "enabled", 1);
    if (features == NULL)
        return oci_error(oci, "out of memory");
    return json_dumpf(features, stdout, JSON_INDENT(2)) < 0 || putchar('\n') == EOF || fflush(stdout) != 0
               ? oci_error(oci, "cannot write to standard output")
               : EXIT_SUCCESS;
}
