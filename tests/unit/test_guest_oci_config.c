/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/oci/config.h"
#include "proto/cleanup.h"
#include "tests/unit/guest_test.h"
#include "tests/unit/oci_document.h"

START_TEST(what_crun_and_runc_generate_is_accepted)
{
    CLEANUP_JSON json_t *document = load(generated[_i]), *spawn = NULL, *expected = NULL;
    char hostname[8];

    (void)snprintf(hostname, sizeof(hostname), "%.4s", generated[_i]);
    ck_assert_msg(read_document(document, &spawn) == 0, "%s: %s", fault.parameter, fault.reason.text);
    expected = json_pack(
        "{s:[s], s:[s,s], s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s}, s:[s,s,s], s:[{s:s,s:i,s:i}]}", "args", "sh",
        "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "cwd", "/",
        "user", "0:0", "hostname", hostname, "root", "/bundle/rootfs", "read_only", 1, "tty", 1, "network",
        "mode", "none", "capabilities", "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", "rlimits",
        "name", "nofile", "soft", 1024, "hard", 1024);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(spawn, expected), "%s", json_dumps(spawn, 0));
}
END_TEST

#define DATA(rest) "{\"destination\": \"/data\", \"type\": \"bind\", \"source\": \"/data\", " rest "}"

/* A member of what crun generates, what it is changed to (NULL: taken out), and the place the error names. */
static const struct {
    const char *member, *value, *place;
} bad[] = {
    { "ociVersion", NULL, "ociVersion" },
    { "ociVersion", "1", "ociVersion" },
    { "ociVersion", "\"\"", "ociVersion" },
    { "ociVersion", "\"1\"", "ociVersion" },
    { "ociVersion", "\"1.\"", "ociVersion" },
    { "ociVersion", "\"1.0\"", "ociVersion" },
    { "ociVersion", "\"1.0.\"", "ociVersion" },
    { "ociVersion", "\"1.0.2x\"", "ociVersion" },
    { "ociVersion", "\"2.0.0\"", "ociVersion" },
    { "ociversion", "\"1.0.0\"", "ociversion" },
    { "annotations", "[]", "annotations" },
    { "annotations", "{\"a\": 1}", "annotations.a" },
    { "hostname", "1", "hostname" },
    { "domainname", "\"example\"", "domainname" },
    { "hooks.prestart", "[{\"path\": \"/bin/true\"}]", "hooks.prestart" },
    { "hooks.poststop", "[{\"path\": \"/bin/true\"}]", "hooks.poststop" },
    { "hooks", "3", "hooks" },
    { "windows.servicing", "true", "windows.servicing" },
    { "vm.kernel.path", "\"/k\"", "vm.kernel.path" },

    { "root", NULL, "root" },
    { "root", "\"rootfs\"", "root" },
    { "root.path", NULL, "root.path" },
    { "root.path", "\"\"", "root.path" },
    { "root.path", "1", "root.path" },
    { "root.path", "\"a\\u0000b\"", "root.path" },
    { "root.readonly", "1", "root.readonly" },
    { "root.readOnly", "true", "root.readOnly" },

    { "process", NULL, "process" },
    { "process", "[]", "process" },
    { "process.terminal", "1", "process.terminal" },
    { "process.consoleSize", "{\"height\": 1}", "process.consoleSize.width" },
    { "process.consoleSize", "{\"width\": 70000, \"height\": 1}", "process.consoleSize.width" },
    { "process.args", NULL, "process.args" },
    { "process.args", "[]", "process.args" },
    { "process.args", "\"sh\"", "process.args" },
    { "process.args", "[\"sh\", 1]", "process.args[1]" },
    { "process.env", "{}", "process.env" },
    { "process.env", "[\"\"]", "process.env[0]" },
    { "process.cwd", NULL, "process.cwd" },
    { "process.cwd", "\"\"", "process.cwd" },
    { "process.cwd", "\"tmp\"", "process.cwd" },
    { "process.user", NULL, "process.user" },
    { "process.user", "\"root\"", "process.user" },
    { "process.user.uid", NULL, "process.user.uid" },
    { "process.user.uid", "\"0\"", "process.user.uid" },
    { "process.user.uid", "-1", "process.user.uid" },
    { "process.user.uid", "4294967295", "process.user.uid" },
    { "process.user.uid", "0.0", "process.user.uid" },
    { "process.user.gid", NULL, "process.user.gid" },
    { "process.user.gid", "4294967295", "process.user.gid" },
    { "process.user.umask", "512", "process.user.umask" },
    { "process.user.additionalGids", "[-1]", "process.user.additionalGids[0]" },
    { "process.user.username", "\"root\"", "process.user.username" },
    { "process.capabilities", "[]", "process.capabilities" },
    { "process.capabilities.bounding", "[\"CAP_SYS_ADMIN\"]", "process.capabilities.bounding[0]" },
    { "process.capabilities.bounding[1]", "\"CAP_MKNOD\"", "process.capabilities.bounding[1]" },
    { "process.capabilities.effective[1]", "\"CAP_NET_RAW\"", "process.capabilities.effective[1]" },
    { "process.capabilities.inheritable[0]", "\"CAP_NET_ADMIN\"", "process.capabilities.inheritable[0]" },
    { "process.capabilities.permitted[2]", "\"kill\"", "process.capabilities.permitted[2]" },
    { "process.capabilities.ambient[0]", "\"CAP_NOT_ONE\"", "process.capabilities.ambient[0]" },
    { "process.capabilities.other", "[]", "process.capabilities.other" },
    { "process.rlimits", "{}", "process.rlimits" },
    { "process.rlimits[0].type", NULL, "process.rlimits[0].type" },
    { "process.rlimits[0].type", "\"NOFILE\"", "process.rlimits[0].type" },
    { "process.rlimits[0].soft", NULL, "process.rlimits[0].soft" },
    { "process.rlimits[0].soft", "-1", "process.rlimits[0].soft" },
    { "process.rlimits[0].soft", "1.5", "process.rlimits[0].soft" },
    { "process.rlimits[0].soft", "1025", "process.rlimits[0].soft" },
    { "process.rlimits[0].hard", "\"max\"", "process.rlimits[0].hard" },
    { "process.rlimits[1]", "{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1, \"hard\": 1}",
      "process.rlimits[1].type" },
    { "process.noNewPrivileges", "false", "process.noNewPrivileges" },
    { "process.noNewPrivileges", "1", "process.noNewPrivileges" },
    { "process.oomScoreAdj", "-1", "process.oomScoreAdj" },
    { "process.apparmorProfile", "\"docker-default\"", "process.apparmorProfile" },
    { "process.selinuxLabel", "\"system_u\"", "process.selinuxLabel" },
    { "process.scheduler.policy", "\"SCHED_FIFO\"", "process.scheduler.policy" },
    { "process.ioPriority.class", "\"IOPRIO_CLASS_RT\"", "process.ioPriority.class" },
    { "process.commandLine", "\"sh\"", "process.commandLine" },

    { "mounts", "{}", "mounts" },
    { "mounts[0]", "\"/proc\"", "mounts[0]" },
    { "mounts[0].destination", NULL, "mounts[0].destination" },
    { "mounts[0].destination", "\"proc\"", "mounts[0].destination" },
    { "mounts[0].destination", "\"/proc2\"", "mounts[0].type" },
    { "mounts[7]", "{\"destination\": \"/mnt\", \"type\": \"overlay\"}", "mounts[7].type" },
    { "mounts[7]", "{\"destination\": \"/mnt\", \"type\": \"bind\"}", "mounts[7].source" },
    { "mounts[7]", "{\"destination\": \"/mnt\", \"source\": \"/s\", \"options\": [\"bind\", \"suid\"]}",
      "mounts[7].options[1]" },
    { "mounts[7]", "{\"destination\": \"/mnt\", \"source\": \"/s\", \"options\": [\"rbind\", \"rshared\"]}",
      "mounts[7].options[1]" },
    { "mounts[7]", "{\"destination\": \"/run\", \"type\": \"tmpfs\", \"options\": [\"size=10%\"]}",
      "mounts[7].options[0]" },
    { "mounts[7]", "{\"destination\": \"/run\", \"type\": \"tmpfs\", \"options\": [\"size=99999999999g\"]}",
      "mounts[7].options[0]" },
    { "mounts[7]", "{\"destination\": \"/run\", \"type\": \"tmpfs\", \"options\": [\"mode=0999\"]}",
      "mounts[7].options[0]" },
    { "mounts[0].type", NULL, "mounts[0].type" },
    { "mounts[0].type", "\"sysfs\"", "mounts[0].type" },
    { "mounts[0].options", "[\"hidepid=2\"]", "mounts[0].options[0]" },
    { "mounts[1].options[3]", "\"size=lots\"", "mounts[1].options[3]" },
    { "mounts[1].options[3]", "\"size=1kk\"", "mounts[1].options[3]" },
    { "mounts[2].options", "\"nosuid\"", "mounts[2].options" },
    { "mounts[2].options[5]", "\"gid=0\"", "mounts[2].options[5]" },
    { "mounts[3].options[3]", "\"mode=0777\"", "mounts[3].options[3]" },
    { "mounts[4].options[1]", "\"exec\"", "mounts[4].options[1]" },
    { "mounts[5].options", "[\"nosuid\"]", "mounts[5].options" },
    { "mounts[5].options", "[\"ro\", \"rw\"]", "mounts[5].options[1]" },
    { "mounts[6].options", NULL, "mounts[6].options" },
    { "mounts[6].options[4]", "\"nsdelegate\"", "mounts[6].options[4]" },
    { "mounts[7]", "{\"destination\": \"/proc/\", \"type\": \"proc\"}", "mounts[7].destination" },
    { "mounts[0].uidMappings", "[{}]", "mounts[0].uidMappings" },
    { "mounts[7]", DATA("\"options\": [\"idmap\"]"), "mounts[7].options" },
    { "mounts[0].fstype", "\"proc\"", "mounts[0].fstype" },

    { "linux", NULL, "linux" },
    { "linux", "[]", "linux" },
    { "linux.namespaces", NULL, "linux.namespaces" },
    { "linux.namespaces", "[]", "linux.namespaces" },
    { "linux.namespaces[0].type", "\"mnt\"", "linux.namespaces[0].type" },
    { "linux.namespaces[0].type", "\"ipc\"", "linux.namespaces[2].type" },
    { "linux.namespaces[0].path", "\"/proc/1/ns/pid\"", "linux.namespaces[0].path" },
    { "linux.namespaces[5]", "{\"type\": \"user\"}", "linux.uidMappings" },
    { "linux.namespaces[5]", "{\"type\": \"user\", \"path\": \"/proc/1/ns/user\"}",
      "linux.namespaces[5].path" },
    { "linux.namespaces[5]", "{\"type\": \"time\"}", "linux.namespaces[5].type" },
    { "linux.namespaces", "[{\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"ipc\"}]",
      "linux.namespaces" },
    { "linux.devices", "[{\"path\": \"/dev/fuse\"}]", "linux.devices" },
    { "linux.uidMappings", "[{\"containerID\": 0}]", "linux.uidMappings" },
    { "linux.sysctl", "{\"net.ipv4.ip_forward\": \"1\"}", "linux.sysctl.net.ipv4.ip_forward" },
    { "linux.cgroupsPath", "\"/machine\"", "linux.cgroupsPath" },
    { "linux.seccomp.defaultAction", "\"SCMP_ACT_ERRNO\"", "linux.seccomp.defaultAction" },
    { "linux.seccomp", "{\"syscalls\": [{\"names\": [\"read\"]}]}", "linux.seccomp.syscalls" },
    { "linux.rootfsPropagation", "\"shared\"", "linux.rootfsPropagation" },
    { "linux.mountLabel", "\"system_u\"", "linux.mountLabel" },
    { "linux.intelRdt.closID", "\"a\"", "linux.intelRdt.closID" },
    { "linux.personality.domain", "\"LINUX32\"", "linux.personality.domain" },
    { "linux.timeOffsets.boottime.secs", "1", "linux.timeOffsets.boottime.secs" },
    { "linux.maskedPaths", "\"/proc/acpi\"", "linux.maskedPaths" },
    { "linux.maskedPaths[2]", "\"/etc/shadow\"", "linux.maskedPaths[2]" },
    { "linux.readonlyPaths[4]", "\"/var\"", "linux.readonlyPaths[4]" },
    { "linux.no", "{}", "linux.no" },

    { "linux.resources", "1", "linux.resources" },
    { "linux.resources.devices", "{}", "linux.resources.devices" },
    { "linux.resources.devices[0].allow", NULL, "linux.resources.devices[0].allow" },
    { "linux.resources.devices[0].allow", "true", "linux.resources.devices[0].allow" },
    { "linux.resources.devices[0].type", "1", "linux.resources.devices[0].type" },
    { "linux.resources.memory.limit", "0", "linux.resources.memory.limit" },
    { "linux.resources.memory.limit", "-1", "linux.resources.memory.limit" },
    { "linux.resources.memory.limit", "1.5", "linux.resources.memory.limit" },
    { "linux.resources.memory.swap", "1024", "linux.resources.memory.swap" },
    { "linux.resources.memory.swappiness", "0", "linux.resources.memory.swappiness" },
    { "linux.resources.memory.disableOOMKiller", "true", "linux.resources.memory.disableOOMKiller" },
    { "linux.resources.pids.limit", "0", "linux.resources.pids.limit" },
    { "linux.resources.pids.limit", "4194305", "linux.resources.pids.limit" },
    { "linux.resources.cpu.shares", "2", "linux.resources.cpu.shares" },
    { "linux.resources.cpu.quota", "50000", "linux.resources.cpu.quota" },
    { "linux.resources.cpu.cpus", "\"0-1\"", "linux.resources.cpu.cpus" },
    { "linux.resources.blockIO.weight", "10", "linux.resources.blockIO.weight" },
    { "linux.resources.hugepageLimits", "[{\"pageSize\": \"2MB\", \"limit\": 1}]",
      "linux.resources.hugepageLimits" },
    { "linux.resources.unified", "{\"memory.high\": \"1\"}", "linux.resources.unified.memory.high" },
    { "linux.resources.rdma.mlx5_1.hcaHandles", "3", "linux.resources.rdma.mlx5_1.hcaHandles" },
};

START_TEST(a_member_that_is_wrong_or_not_supported_is_named)
{
    CLEANUP_JSON json_t *document = load("crun-1.8.1"), *spawn = NULL;

    change(document, bad[_i].member, bad[_i].value);
    ck_assert_msg(read_document(document, &spawn) == -EINVAL, "%s = %s was accepted", bad[_i].member,
                  bad[_i].value);
    ck_assert_ptr_null(spawn);
    ck_assert_str_eq(fault.parameter, bad[_i].place);
    ck_assert_uint_gt(strlen(fault.reason.text), 0);
}
END_TEST

#define IDS(first) "[{\"containerID\": 0, \"hostID\": " #first ", \"size\": 65536}]"

/* A bundle with users 100000 and groups 200000 of its own, and one more change. place: of what is wrong with
 * it; NULL: fine, and `owners` of the mount are these. */
static const struct {
    const char *member, *value, *place, *owners;
} users[] = {
    { "hostname", "\"x\"", NULL, NULL },
    { "mounts[7]", DATA("\"options\": [\"rbind\"]"), NULL, NULL },
    { "mounts[7]", DATA("\"options\": [\"rbind\", \"ridmap\"]"), NULL, "shifted" },
    { "mounts[7]", DATA("\"options\": [\"bind\", \"idmap\"]"), NULL, "shifted" },
    { "mounts[7]", DATA("\"uidMappings\": " IDS(100000) ", \"gidMappings\": " IDS(200000)), NULL, "shifted" },
    { "mounts[7]", DATA("\"uidMappings\": " IDS(100000)), "mounts[7].uidMappings", NULL },
    { "mounts[7]", DATA("\"gidMappings\": " IDS(200000)), "mounts[7].gidMappings", NULL },
    { "mounts[7]", DATA("\"uidMappings\": " IDS(7) ", \"gidMappings\": " IDS(200000)),
      "mounts[7].uidMappings", NULL },
    { "linux.uidMappings", NULL, "linux.uidMappings", NULL },
    { "linux.uidMappings", "[]", "linux.uidMappings", NULL },
    { "linux.gidMappings", "[]", "linux.gidMappings", NULL },
    { "linux.uidMappings[0].size", "0", "linux.uidMappings[0].size", NULL },
    { "linux.gidMappings[0].hostID", "-1", "linux.gidMappings[0].hostID", NULL },
    { "linux.namespaces[5].type", "\"network\"", "linux.namespaces[5].type", NULL },
    { "linux.namespaces[5].type", "\"cgroup\"", "linux.uidMappings", NULL },
};

START_TEST(users_of_its_own_keep_the_owners_of_files_unless_a_mount_is_mapped)
{
    CLEANUP_JSON json_t *document = load("crun-1.8.1"), *spawn = NULL, *expected = NULL;
    const json_t *mount;

    change(document, "linux.namespaces[5]", "{\"type\": \"user\"}");
    change(document, "linux.uidMappings", IDS(100000));
    change(document, "linux.gidMappings", IDS(200000));
    change(document, users[_i].member, users[_i].value);
    if (users[_i].place != NULL) {
        ck_assert_int_eq(read_document(document, &spawn), -EINVAL);
        ck_assert_str_eq(fault.parameter, users[_i].place);
        return;
    }
    ck_assert_msg(read_document(document, &spawn) == 0, "%s %s", fault.parameter, fault.reason.text);
    expected = json_pack("{s:s, s:s, s:[{s:i, s:i, s:i}], s:[{s:i, s:i, s:i}]}", "mode", "map", "owners",
                         "kept", "uids", "inside", 0, "outside", 100000, "count", 65536, "gids", "inside", 0,
                         "outside", 200000, "count", 65536);
    ck_assert(json_equal(json_object_get(spawn, "userns"), expected));
    mount = json_array_get(json_object_get(spawn, "mounts"), 0);
    ck_assert_pstr_eq(json_string_value(json_object_get(mount, "owners")), users[_i].owners);
}
END_TEST

/* A member, what it is changed to, and what becomes of a parameter of Spawn. */
static const struct {
    const char *member, *value, *parameter, *expected;
} good[] = {
    { "ociVersion", "\"1.2.1+dev\"", "args", "[\"sh\"]" },
    { "annotations", "{\"org.example\": \"x\", \"empty\": \"\"}", "annotations", NULL },
    { "hooks", "{\"prestart\": [], \"poststart\": null}", "hooks", NULL },
    { "windows", "null", "windows", NULL },
    { "root.path", "\"/srv/root\"", "root", "\"/srv/root\"" },
    { "root.readonly", "false", "read_only", NULL },
    { "hostname", NULL, "hostname", NULL },
    { "hostname", "\"\"", "hostname", NULL },
    { "process.terminal", "false", "tty", NULL },
    { "process.consoleSize", "{\"width\": 80, \"height\": 25}", "columns", "80" },
    { "process.consoleSize", "{\"width\": 80, \"height\": 25}", "rows", "25" },
    { "process.consoleSize", "{\"width\": 0, \"height\": 0}", "rows", NULL },
    { "process.user", "{\"uid\": 4294967294, \"gid\": 7}", "user", "\"4294967294:7\"" },
    { "process.user.additionalGids", "[5, 6]", "groups", "[5, 6]" },
    { "process.user.umask", "63", "umask", "63" },
    { "process.capabilities", NULL, "capabilities", "[]" },
    { "process.capabilities", "{\"bounding\": [\"CAP_CHOWN\", \"CAP_KILL\"], \"permitted\": [\"CAP_KILL\"]}",
      "capabilities", "[\"CAP_KILL\"]" },
    { "process.rlimits", NULL, "rlimits", NULL },
    { "process.noNewPrivileges", NULL, "noNewPrivileges", NULL },
    { "process.oomScoreAdj", "0", "oomScoreAdj", NULL },
    { "process.apparmorProfile", "\"\"", "args", "[\"sh\"]" },
    { "mounts", "[]", "mounts", NULL },
    { "mounts[0].destination", "\"/proc///\"", "mounts", NULL },
    { "mounts[6].type", "\"cgroup2\"", "mounts", NULL },
    { "mounts[7]",
      "{\"destination\": \"/run/\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
      " \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\", \"noexec\"]}",
      "mounts",
      "[{\"type\": \"tmpfs\", \"target\": \"/run\", \"read_only\": false, \"mode\": 493, \"size\": 67108864,"
      " \"exec\": false}]" },
    { "mounts[7]",
      "{\"destination\": \"/etc/hosts\", \"source\": \"hosts\", \"options\": [\"rbind\", \"ro\", "
      "\"rprivate\"]}",
      "mounts",
      "[{\"type\": \"bind\", \"target\": \"/etc/hosts\", \"source\": \"/bundle/hosts\", \"read_only\": "
      "true}]" },
    { "mounts[7]", "{\"destination\": \"//srv///data//\", \"type\": \"bind\", \"source\": \"/s\"}", "mounts",
      "[{\"type\": \"bind\", \"target\": \"/srv/data\", \"source\": \"/s\", \"read_only\": false}]" },
    { "mounts[0].destination", "\"//proc\"", "mounts", NULL },
    { "mounts[3]", "{\"destination\": \"/dev/shm\", \"type\": \"bind\", \"source\": \"/shm\"}", "mounts",
      "[{\"type\": \"bind\", \"target\": \"/dev/shm\", \"source\": \"/shm\", \"read_only\": false}]" },
    { "linux.namespaces[5]", "{\"type\": \"cgroup\"}", "network", "{\"mode\": \"none\"}" },
    { "linux.namespaces[1].type", "\"cgroup\"", "network", NULL },
    { "linux.namespaces[1].path", "\"\"", "network", "{\"mode\": \"none\"}" },
    { "linux.seccomp", "{}", "seccomp", NULL },
    { "linux.sysctl", "{}", "sysctl", NULL },
    { "linux.rootfsPropagation", "\"rprivate\"", "args", "[\"sh\"]" },
    { "linux.readonlyPaths[4]", "\"/proc/asound\"", "args", "[\"sh\"]" },
    { "linux.resources", NULL, "memory", NULL },
    { "linux.resources.memory.limit", "67108864", "memory", "67108864" },
    { "linux.resources.memory", "{\"limit\": 1, \"disableOOMKiller\": false, \"useHierarchy\": true}",
      "memory", "1" },
    { "linux.resources.pids.limit", "100", "pids", "100" },
    { "linux.resources.cpu.shares", "1024", "cpu", NULL },
    { "linux.resources.devices[1]",
      "{\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 3, \"access\": \"rw\"}", "devices", NULL },
};

START_TEST(a_member_becomes_the_parameter_that_means_the_same)
{
    CLEANUP_JSON json_t *document = load("crun-1.8.1"), *spawn = NULL, *expected = NULL;
    const json_t *value;

    change(document, good[_i].member, good[_i].value);
    ck_assert_msg(read_document(document, &spawn) == 0, "%s: %s", fault.parameter, fault.reason.text);
    value = json_object_get(spawn, good[_i].parameter);
    if (good[_i].expected == NULL) {
        ck_assert_ptr_null(value);
        return;
    }
    expected = json_loads(good[_i].expected, JSON_DECODE_ANY, NULL);
    ck_assert_msg(json_equal((json_t *)value, expected), "%s", json_dumps(spawn, 0));
}
END_TEST

START_TEST(the_greatest_limit_is_none)
{
    /* jansson cannot hold 2^64 - 1, so it has to go into the text. */
    static const char had[] = "\"hard\":1024", wanted[] = "\"hard\":18446744073709551615";
    CLEANUP_JSON json_t *document = load("crun-1.8.1"), *spawn = NULL;
    CLEANUP_FREE char *text = json_dumps(document, JSON_COMPACT);
    CLEANUP_FREE char *changed = NULL;
    const char *at;
    const json_t *row;

    ck_assert_ptr_nonnull(text);
    at = strstr(text, had);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_gt(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, wanted, at + strlen(had)), 0);
    ck_assert_int_eq(oci_config_read(changed, strlen(changed), "/bundle", &spawn, &fault), 0);
    row = json_array_get(json_object_get(spawn, "rlimits"), 0);
    ck_assert_ptr_null(json_object_get(row, "hard"));
    ck_assert_int_eq(json_integer_value(json_object_get(row, "soft")), 1024);
}
END_TEST

START_TEST(another_user_than_0_may_not_keep_capabilities)
{
    CLEANUP_JSON json_t *document = load("crun-1.8.1"), *spawn = NULL;

    /* Without inheritable ones the ambient set is empty, whatever it lists. */
    change(document, "process.user.uid", "1000");
    ck_assert_int_eq(read_document(document, &spawn), 0);
    json_decref(spawn);
    change(document, "process.capabilities.inheritable", "[\"CAP_KILL\"]");
    ck_assert_int_eq(read_document(document, &spawn), -EINVAL);
    ck_assert_str_eq(fault.parameter, "process.capabilities.ambient");
}
END_TEST

static const char *const no_config[] = {
    "",     "[]",        "{",     "null",        "{\"ociVersion\": \"1.0.0\", \"ociVersion\": \"1.0.0\"}",
    "\xff", "{\"a\": 1", "{} {}", "{\"a\": 01}", "\xef\xbb\xbf{}",
};

START_TEST(what_is_no_json_object_is_refused_as_a_whole)
{
    json_t *spawn = NULL;

    ck_assert_int_eq(oci_config_read(no_config[_i], strlen(no_config[_i]), "/bundle", &spawn, &fault),
                     -EINVAL);
    ck_assert_str_eq(fault.parameter, "config.json");
    ck_assert_ptr_null(spawn);
}
END_TEST

START_TEST(a_config_that_is_too_long_is_refused_unread)
{
    CLEANUP_FREE char *text = malloc(OCI_CONFIG_MAX + 1);
    json_t *spawn = NULL;

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', OCI_CONFIG_MAX + 1);
    text[0] = '{';
    text[OCI_CONFIG_MAX] = '}';
    ck_assert_int_eq(oci_config_read(text, OCI_CONFIG_MAX + 1, "/bundle", &spawn, &fault), -EINVAL);
    ck_assert_str_eq(fault.parameter, "config.json");
    ck_assert_ptr_nonnull(strstr(fault.reason.text, "longer"));
}
END_TEST

START_TEST(a_parameter_of_spawn_is_told_by_its_member)
{
    ck_assert_str_eq(oci_config_member("args"), "process.args");
    ck_assert_str_eq(oci_config_member("root"), "root.path");
    ck_assert_str_eq(oci_config_member("hostname"), "hostname");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("oci_config");

    tcase_add_loop_test(tests, what_crun_and_runc_generate_is_accepted, 0, ELEMENTS(generated));
    tcase_add_loop_test(tests, a_member_that_is_wrong_or_not_supported_is_named, 0, ELEMENTS(bad));
    tcase_add_loop_test(tests, users_of_its_own_keep_the_owners_of_files_unless_a_mount_is_mapped, 0,
                        (int)ELEMENTS(users));
    tcase_add_loop_test(tests, a_member_becomes_the_parameter_that_means_the_same, 0, ELEMENTS(good));
    tcase_add_test(tests, the_greatest_limit_is_none);
    tcase_add_test(tests, another_user_than_0_may_not_keep_capabilities);
    tcase_add_loop_test(tests, what_is_no_json_object_is_refused_as_a_whole, 0, ELEMENTS(no_config));
    tcase_add_test(tests, a_config_that_is_too_long_is_refused_unread);
    tcase_add_test(tests, a_parameter_of_spawn_is_told_by_its_member);
    return guest_test_main(tests, "guest/oci_config");
}
