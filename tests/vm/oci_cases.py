# SPDX-License-Identifier: Apache-2.0
"""What a bundle's config.json promises, as a table: the change to what `crun spec` writes, a script as the program, and what must be seen.

The cases are behaviours that crun's own tests look for (the name before the dot is that file's there), as far as they are about a
container and not about crun; what is left out, and why, is in LEFT_OUT. `native` says what the native launcher does where that is not
the promise: Refuses names the member, Differs says how; both with the reason.
"""
from collections import namedtuple

# expect: (status, [lines of the output]); status None: not 0; "-word": must not be in the output. "~text": text is part of a line.
Case = namedtuple("Case", "name change script expect native", defaults=(None,))
Refuses = namedtuple("Refuses", "member reason")
Differs = namedtuple("Differs", "reason")

SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
NONE = "0000000000000000"
KILL = "0000000000000020"

ONLY_OWN_NAMESPACES = "containers never share a namespace with the guest or with each other"
NO_HOOKS = "programs of a bundle are not run as the guest's root"
FIXED_FILTER = "the system call filter is czoned's own, and a bundle cannot make it wider or tighter"
FIXED_CAPABILITIES = "at most Docker's set less MKNOD and NET_RAW"
FIXED_DEVICES = "the minimal /dev is the same for all containers"
NO_SCHEDULING = "shares of the CPU are czoned's to give (Update)"


def path(place, value):
    """A change that puts a value at a place such as "process.user.uid"; None takes it out."""

    def change(config):
        at = config
        *parents, last = place.split(".")
        for name in parents:
            at = at.setdefault(name, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value

    return change


def both(*changes):
    def change(config):
        for one in changes:
            one(config)

    return change


def capabilities(user=0, **sets):
    def change(config):
        config["process"]["user"]["uid"] = user
        config["process"]["capabilities"] = {name: sets.get(name, []) for name in SETS}

    return change


def mount(destination, kind, source, *options):
    def change(config):
        config["mounts"].append({"destination": destination, "type": kind, "source": source, "options": list(options)})

    return change


def namespace(kind, where=None):
    """Listed, or listed with a path."""

    def change(config):
        listed = [row for row in config["linux"]["namespaces"] if row["type"] != kind]
        config["linux"]["namespaces"] = listed + [{"type": kind, **({"path": where} if where else {})}]

    return change


def without(kind):
    def change(config):
        config["linux"]["namespaces"] = [row for row in config["linux"]["namespaces"] if row["type"] != kind]

    return change


def unchanged(config):
    del config


CAPS = "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | tr '\\t' ' '"
OPTIONS = "grep ' /mnt ' /proc/self/mountinfo | cut -d ' ' -f 6"

CASES = [
    # process
    Case("capabilities.no_caps", capabilities(), CAPS, (0, [f"Cap{name}: {NONE}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")])),
    Case(
        "capabilities.some_caps", capabilities(**{name: ["CAP_KILL"] for name in SETS}), CAPS,
        (0, [f"CapPrm: {KILL}", f"CapEff: {KILL}", f"CapBnd: {KILL}"]),
    ),
    Case(
        "capabilities.some_caps_bounding", capabilities(bounding=["CAP_KILL"]), CAPS, (0, [f"CapEff: {NONE}", f"CapBnd: {KILL}"]),
        Differs("the bounding set is cut to what the program has: with no_new_privs, which is always on, it could never get the rest"),
    ),
    Case("capabilities.some_caps_permitted_non_root", capabilities(1000, permitted=["CAP_KILL"], bounding=["CAP_KILL"]), CAPS, (0, [f"CapEff: {NONE}"])),
    Case(
        "capabilities.some_caps_ambient_non_root", capabilities(1000, **{name: ["CAP_KILL"] for name in SETS}), CAPS, (0, [f"CapEff: {KILL}"]),
        Refuses("process.capabilities.ambient", "only user 0 keeps capabilities"),
    ),
    Case("capabilities.unknown_caps", capabilities(bounding=["CAP_NO_SUCH"]), "echo ran", (None, ["-ran"]), Refuses("process.capabilities.bounding[0]", "as it should")),
    Case(
        "capabilities.more_than_the_default", capabilities(**{name: ["CAP_SYS_ADMIN"] for name in SETS}), CAPS, (0, ["CapEff: 0000000000200000"]),
        Refuses("process.capabilities.bounding[0]", FIXED_CAPABILITIES),
    ),
    Case("capabilities.new_privs", path("process.noNewPrivileges", True), "grep NoNewPrivs /proc/self/status | tr '\\t' ' '", (0, ["NoNewPrivs: 1"])),
    Case(
        "capabilities.new_privs_allowed", path("process.noNewPrivileges", False), "grep NoNewPrivs /proc/self/status | tr '\\t' ' '",
        (0, ["NoNewPrivs: 0"]), Refuses("process.noNewPrivileges", "no_new_privs is always set"),
    ),
    Case("cwd.cwd", path("process.cwd", "/tmp"), "pwd", (0, ["/tmp"])),
    Case("cwd.cwd_relative", path("process.cwd", "tmp"), "pwd", (None, ["-/tmp"]), Refuses("process.cwd", "as it should")),
    Case("start.empty_home", path("process.env", ["PATH=/bin"]), "echo home=$HOME", (0, ["-home=", "~home=/"])),
    Case("start.env", path("process.env", ["PATH=/bin", "A=b c", "EMPTY="]), "echo \"$A.\"; env | grep EMPTY", (0, ["b c.", "EMPTY="])),
    Case("uid_gid.uid", path("process.user", {"uid": 1000, "gid": 0}), "id -u", (0, ["1000"])),
    Case("uid_gid.gid", path("process.user", {"uid": 0, "gid": 1001}), "id -g", (0, ["1001"])),
    Case("uid_gid.no_groups", path("process.user", {"uid": 1, "gid": 2}), "id -G", (0, ["2"])),
    Case("uid_gid.additional_gids", path("process.user", {"uid": 1, "gid": 2, "additionalGids": [10, 20]}), "id -G", (0, ["2 10 20"])),
    Case("uid_gid.umask", path("process.user", {"uid": 0, "gid": 0, "umask": 0o77}), "umask", (0, ["0077"])),
    Case("uid_gid.dev_null_no_chown", path("process.user", {"uid": 1000, "gid": 1000}), "stat -c %u:%g /dev/null", (0, ["0:0"])),
    Case(
        "rlimits.rlimits", path("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]),
        "ulimit -S -n; ulimit -H -n; ulimit -c", (0, ["100", "200", "0"]),
    ),
    Case("error_handling.rlimit_soft_exceeds_hard", path("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}]), "echo ran", (None, ["-ran"]), Refuses("process.rlimits[0].soft", "as it should")),
    Case("error_handling.invalid_rlimit", path("process.rlimits", [{"type": "RLIMIT_NONE", "soft": 1, "hard": 1}]), "echo ran", (None, ["-ran"]), Refuses("process.rlimits[0].type", "as it should")),
    Case("linux_features.process_oom_score_adj", path("process.oomScoreAdj", 0), "cat /proc/self/oom_score_adj", (0, ["0"])),
    Case(
        "linux_features.process_oom_score_adj_changed", path("process.oomScoreAdj", 500), "cat /proc/self/oom_score_adj", (0, ["500"]),
        Refuses("process.oomScoreAdj", "an OOM in a zone kills its container as a whole"),
    ),
    Case("error_handling.oom_score_adj_out_of_range", path("process.oomScoreAdj", 2000), "echo ran", (None, ["-ran"]), Refuses("process.oomScoreAdj", "as it should")),
    Case("error_handling.nonexistent_binary", path("process.args", ["/no/such"]), None, (None, ["~/no/such"]), Refuses("NoSuchProgram", "as it should, before memory is asked for")),
    Case("error_handling.empty_args", path("process.args", []), None, (None, []), Refuses("process.args", "as it should")),
    Case("scheduler.scheduler_batch", path("process.scheduler", {"policy": "SCHED_BATCH"}), "cat /proc/self/sched | grep policy | tr -d ' '", (0, ["policy:3"]), Refuses("process.scheduler.policy", NO_SCHEDULING)),
    Case("io_priority.io_priority_best_effort", path("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 4}), "ionice -p 1", (0, ["best-effort: prio 4"]), Refuses("process.ioPriority.class", NO_SCHEDULING)),
    Case("preserve_fds.none", unchanged, "ls /proc/self/fd | wc -l", (0, ["4"])),
    Case("pid.pid", unchanged, "echo $$", (0, ["1"])),
    Case("pid.pid_ppid_is_zero", unchanged, "echo $PPID", (0, ["0"])),
    Case("tty.no_terminal", unchanged, "test -t 0 || echo in; test -t 1 || echo out; test -t 2 || echo err", (0, ["in", "out", "err"])),
    Case("tty.stdin_stdout_stderr_tty", path("process.terminal", True), "test -t 0 && test -t 1 && test -t 2 && echo all", (0, ["all"])),
    Case(
        "terminal.terminal_size", both(path("process.terminal", True), path("process.consoleSize", {"width": 100, "height": 40})), "stty size",
        (0, ["40 100"]),
    ),
    Case("terminal.console_is_the_terminal", path("process.terminal", True), "test -c /dev/console && echo yes", (0, ["yes"])),
    # root, hostname
    Case("linux_features.rootfs_readonly", path("root.readonly", True), "touch /file 2>/dev/null || echo cannot", (0, ["cannot"])),
    Case("linux_features.rootfs_writable", path("root.readonly", False), "touch /file && rm /file && echo can", (0, ["can"])),
    Case("error_handling.missing_rootfs", path("root.path", "/no/such/root"), "echo ran", (None, ["-ran"]), Refuses("NoSuchRoot", "as it should, before memory is asked for")),
    Case("hostname.hostname", path("hostname", "some-name"), "hostname", (0, ["some-name"])),
    Case("domainname.domainname", path("domainname", "some.domain"), "cat /proc/sys/kernel/domainname", (0, ["some.domain"]), Refuses("domainname", "NIS is not used in containers")),
    Case("hooks.success_prestart", path("hooks.prestart", [{"path": "/bin/true"}]), "echo ran", (0, ["ran"]), Refuses("hooks.prestart", NO_HOOKS)),
    Case("hooks.fail_prestart", path("hooks.prestart", [{"path": "/bin/false"}]), "echo ran", (None, ["-ran"]), Refuses("hooks.prestart", NO_HOOKS)),
    Case("create.annotations", path("annotations", {"org.example.key": "value"}), "echo ran", (0, ["ran"])),
    # mounts
    Case("mounts.tmpfs", mount("/mnt", "tmpfs", "tmpfs"), "echo x >/mnt/f && stat -f -c %T /mnt", (0, ["tmpfs"])),
    Case("mounts.mount_tmpfs_permissions", mount("/mnt", "tmpfs", "tmpfs", "mode=0710"), "stat -c %a /mnt", (0, ["710"])),
    Case("mounts.mount_tmpfs_size", mount("/mnt", "tmpfs", "tmpfs", "size=1m"), "df -k /mnt | tail -n 1 | awk '{ print $2 }'", (0, ["1024"])),
    Case("mounts.mount_ro", mount("/mnt", "bind", "shared", "rbind", "ro"), "cat /mnt/file; touch /mnt/new 2>/dev/null || echo cannot", (0, ["hello", "cannot"])),
    Case("mounts.mount_rw", mount("/mnt", "bind", "shared", "rbind", "rw"), "touch /mnt/new && rm /mnt/new && echo can", (0, ["can"])),
    Case("mounts.mount_noexec", mount("/mnt", "bind", "rootfs/bin", "rbind", "noexec"), "/mnt/busybox true 2>/dev/null || echo cannot", (0, ["cannot"])),
    Case("mounts.mount_exec", mount("/mnt", "bind", "rootfs/bin", "rbind"), "/mnt/busybox echo can", (0, ["can"])),
    Case("mounts.mount_nosuid", mount("/mnt", "bind", "shared", "rbind", "nosuid"), OPTIONS, (0, ["~nosuid"])),
    Case("mounts.mount_nodev", mount("/mnt", "bind", "shared", "rbind", "nodev"), OPTIONS, (0, ["~nodev"])),
    Case("mounts.mount_suid", mount("/mnt", "bind", "shared", "rbind", "suid"), OPTIONS, (0, ["-nosuid"]), Refuses("mounts[7].options[1]", "set-user-ID bits never have an effect")),
    Case("mounts.mount_of_a_file", mount("/mnt/file", "bind", "shared/file", "rbind", "ro"), "cat /mnt/file", (0, ["hello"])),
    Case("mounts.mount_path_with_multiple_slashes", mount("//mnt///", "bind", "shared", "rbind", "ro"), "cat /mnt/file", (0, ["hello"])),
    Case("mounts.mount_symlink", mount("/link/sub", "bind", "shared", "rbind", "ro"), "cat /tmp/sub/file; cat /link/sub/file", (0, ["hello", "hello"])),
    Case("mounts.mount_propagation_private", mount("/mnt", "bind", "shared", "rbind", "rprivate"), "grep -c ' /mnt .*shared:' /proc/self/mountinfo", (1, ["0"])),
    Case("mounts.mount_propagation_shared", both(mount("/mnt", "bind", "shared", "rbind", "rshared"), path("linux.rootfsPropagation", "rshared")), "grep -c ' /mnt .*shared:' /proc/self/mountinfo", (0, ["1"]), Refuses("mounts[7].options[1]", "no mount of a container reaches the guest, nor the other way")),
    Case("mounts.mount_overlay_fs", mount("/mnt", "overlay", "overlay", "lowerdir=/tmp/cases/shared:/tmp/cases/rootfs/bin"), "cat /mnt/file", (0, ["hello"]), Refuses("mounts[7].type", "layers are the root's, and Spawn's own")),
    Case("mounts.proc", unchanged, "stat -f -c %T /proc; test -e /proc/1/status && echo there", (0, ["proc", "there"])),
    Case("linux_features.devpts_mount", unchanged, "test -e /dev/pts/ptmx && test -e /dev/ptmx && echo there", (0, ["there"])),
    Case("linux_features.mqueue_mount", unchanged, "grep -c ' /dev/mqueue .* mqueue ' /proc/self/mountinfo", (0, ["1"])),
    Case("mounts.ro_cgroup", unchanged, "mkdir /sys/fs/cgroup/x 2>/dev/null || echo cannot", (0, ["cannot"])),
    Case("mounts.sysfs_is_read_only", unchanged, "grep ' /sys ' /proc/self/mountinfo | cut -d ' ' -f 6", (0, ["~ro"])),
    Case("mounts.no_proc", path("mounts", []), "test -e /proc/1 || echo none", (0, ["none"]), Differs("a container has /proc, /dev and /sys, listed or not")),
    # linux
    Case("namespaces.pid_namespace", unchanged, "ls -d /proc/[0-9]* | wc -l | awk '{ print ($1 < 6) }'", (0, ["1"])),
    Case("namespaces.network_namespace", unchanged, "ls /sys/class/net", (0, ["lo", "-eth0"])),
    Case("namespaces.host_network", without("network"), "ls /sys/class/net", (0, ["lo"])),
    Case("namespaces.ipc_namespace", unchanged, "ipcs -q | grep -c 0x", (1, ["0"])),
    Case("namespaces.cgroup_namespace", namespace("cgroup"), "cut -d : -f 3 /proc/self/cgroup", (0, ["/"])),
    Case("pid.pid_host_namespace", without("pid"), "test $$ != 1 && echo other", (0, ["other"]), Refuses("linux.namespaces", ONLY_OWN_NAMESPACES)),
    Case("namespaces.hostname_without_uts_namespace", without("uts"), "echo ran", (None, ["-ran"]), Refuses("linux.namespaces", "as it should")),
    Case("namespaces.namespace_path_sharing", namespace("ipc", "/proc/1/ns/ipc"), "echo ran", (0, ["ran"]), Refuses("linux.namespaces[4].path", ONLY_OWN_NAMESPACES)),
    Case(
        "namespaces.user_namespace_mappings",
        both(namespace("user"), path("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 1000}]), path("linux.gidMappings", [{"containerID": 0, "hostID": 0, "size": 1000}])),
        "awk '{ print $3 }' /proc/self/uid_map", (0, ["1000"]),
    ),
    Case("time.time_namespace", both(namespace("time"), path("linux.timeOffsets", {"boottime": {"secs": 1000, "nanosecs": 0}})), "awk '{ print $2 }' /proc/self/timens_offsets | tail -n 1", (0, ["1000"]), Refuses("linux.timeOffsets.boottime.secs", "no time namespaces")),
    Case("paths.masked_paths", unchanged, "head -c 1 /proc/kcore | wc -c; ls /proc/acpi 2>/dev/null | wc -l; ls /sys/firmware | wc -l", (0, ["0", "0", "0"])),
    Case("paths.readonly_paths", unchanged, "{ echo 1 >/proc/sys/kernel/core_uses_pid; } 2>/dev/null || echo cannot; { echo b >/proc/sysrq-trigger; } 2>/dev/null || echo cannot", (0, ["cannot"])),
    Case("paths.masked_paths_others", path("linux.maskedPaths", ["/etc"]), "ls /etc | wc -l", (0, ["0"]), Refuses("linux.maskedPaths[0]", "what is covered is the same for all containers")),
    Case("linux_features.sysctl", path("linux.sysctl", {"net.ipv4.ip_forward": "1"}), "cat /proc/sys/net/ipv4/ip_forward", (0, ["1"]), Refuses("linux.sysctl.net.ipv4.ip_forward", "kernel parameters are the guest's")),
    Case("linux_features.personality_linux32", path("linux.personality", {"domain": "LINUX32"}), "uname -m", (0, ["i686"]), Refuses("linux.personality.domain", "32-bit system calls are denied")),
    Case("linux_features.rootfs_propagation_private", path("linux.rootfsPropagation", "private"), "echo ran", (0, ["ran"])),
    Case("linux_features.rootfs_propagation_slave", path("linux.rootfsPropagation", "slave"), "echo ran", (0, ["ran"]), Refuses("linux.rootfsPropagation", "no mount of the guest reaches a container")),
    Case("devices.default", unchanged, "for d in null zero full random urandom tty ptmx; do test -c /dev/$d || echo no $d; done; head -c 3 /dev/zero | wc -c; { echo x >/dev/full; } 2>/dev/null || echo full", (0, ["3", "full", "-no"])),
    Case("devices.links", unchanged, "for l in fd stdin stdout stderr; do readlink /dev/$l; done", (0, ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"])),
    Case("devices.deny_devices", unchanged, "mknod /tmp/kmsg c 1 11 2>/dev/null && head -c 1 /tmp/kmsg || echo cannot", (0, ["cannot"])),
    Case("devices.mknod_char_device", path("linux.devices", [{"path": "/dev/own", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]), "test -c /dev/own && echo there", (0, ["there"]), Refuses("linux.devices", FIXED_DEVICES)),
    Case("limits.limit_pid_n", both(path("linux.resources.pids", {"limit": 50}), namespace("cgroup")), "cat /sys/fs/cgroup/pids.max", (0, ["50"])),
    Case("resources.memory_limit", both(path("linux.resources.memory", {"limit": 1 << 27}), namespace("cgroup")), "awk '{ print ($1 <= 134217728 && $1 > 120000000) }' /sys/fs/cgroup/memory.max", (0, ["1"])),
    Case("resources.memory_reservation", path("linux.resources.memory", {"reservation": 1 << 26}), "echo ran", (0, ["ran"]), Refuses("linux.resources.memory.reservation", "a zone's memory is all the container's")),
    Case("resources.cpu_quota", path("linux.resources.cpu", {"quota": 50000, "period": 100000}), "echo ran", (0, ["ran"]), Refuses("linux.resources.cpu.quota", NO_SCHEDULING)),
    Case("resources.unified", path("linux.resources.unified", {"memory.high": "100000000"}), "echo ran", (0, ["ran"]), Refuses("linux.resources.unified.memory.high", "limits are czoned's to write")),
    Case("cgroup_setup.cgroup_path_custom", path("linux.cgroupsPath", "/custom"), "echo ran", (0, ["ran"]), Refuses("linux.cgroupsPath", "the cgroup is the zone's")),
    Case(
        "seccomp.seccomp_block_syscall", path("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}),
        "mkdir /tmp/x 2>/dev/null || echo cannot", (0, ["cannot"]), Refuses("linux.seccomp.defaultAction", FIXED_FILTER),
    ),
    Case("start.exit_status", unchanged, "exit 42", (42, [])),
    Case("start.killed_by_a_signal", unchanged, "sh -c 'kill -9 $$'; exit $?", (137, [])),
]

# What Debian 12's runtimes do not do as the table has it.
OTHERS = {
    "crun": {
        "capabilities.unknown_caps": "ignores them",
        "cwd.cwd_relative": "takes it as relative to /",
        "uid_gid.dev_null_no_chown": "1.8.1 gives /dev/null to the user",
        "scheduler.scheduler_batch": "newer than 1.8.1",
        "io_priority.io_priority_best_effort": "newer than 1.8.1",
        "time.time_namespace": "1.8.1 ends with \"write to sync socket: Broken pipe\"; why was not looked into",
    },
}

# Files of crun's tests without a case, and why.
LEFT_OUT = {
    "annotations, custom_handler, bpf_devices (systemd), start (run.oci.*)": "crun's own annotations and handlers",
    "checkpoint_restore": "needs CRIU; czoned does not freeze programs to disk",
    "commands, create, delete, detach, exec, pid_file, update": "the command line: tests/vm/test_oci.py, test_runtime.py and test_control.py",
    "cgroup_setup, cgroup_resources (most)": "how crun lays out cgroups; czoned's are the zone's (test_control.py)",
    "mempolicy": "the policy is the zone's (test_exclusive.py)",
    "net_device": "newer than Debian 12's crun",
    "tests_libcrun_*": "crun's inside",
}
