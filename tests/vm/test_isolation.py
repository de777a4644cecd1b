# SPDX-License-Identifier: Apache-2.0
"""What a container is kept from, as a table: each property, the attempt to break it, and that it fails.

guest/escape.c makes the attempts. Each is made outside a container as well, as root of the guest, where it has to work: an attempt
that cannot work shows nothing. The table is printed at the end.
"""
import base64
import re
import unittest
from dataclasses import dataclass

from case import ESCAPE, SMALL, ZoneCase
from wire import VarlinkError

ROOT = "/srv/isolation"
PROBE = "/escape"
# A file of the guest that no container's root directory has.
MARKER = "/etc/czoned.arguments"
SECRET_KEY = 4711
SYSCALL = {"EPERM", "ENOSYS", "SIGSYS"}
READ_ONLY = {"EROFS", "EACCES", "EPERM"}
NOT_THERE = {"ENOENT", "ESRCH"}

# Where an attempt is made outside: as it is, in a mount namespace of its own since it would stay, or in a chroot to the same root.
GUEST, PRIVATE, CHROOT = "guest", "private", "chroot"


@dataclass
class Row:
    prop: str
    verb: str
    refused: set
    # The verb that works outside, where it has another argument there.
    outside_verb: str = ""
    outside: str = GUEST
    # Why it is not shown outside.
    unshown: str = ""
    # The weaknesses of others that taught it.
    lesson: str = ""
    user: str = ""


# Names in braces are filled in by the test.
ROWS = [
    # Memory stays in the zone.
    Row("memory policy", "set-mempolicy", SYSCALL),
    Row("memory policy", "set-mempolicy-home", SYSCALL),
    Row("memory policy", "mbind", SYSCALL),
    Row("memory policy", "migrate-pages", SYSCALL),
    Row("memory policy", "move-pages", SYSCALL),
    Row("memory policy", "set-home-node", SYSCALL),
    Row("cpuset", "write=/sys/fs/cgroup/cpuset.mems", READ_ONLY, "write={cgroup}/cpuset.mems"),
    Row("limits", "write=/sys/fs/cgroup/memory.max", READ_ONLY, "write={cgroup}/memory.max"),
    Row("cgroup", "write=/sys/fs/cgroup/cgroup.procs", READ_ONLY, "write={cgroup}/cgroup.procs"),
    Row("cgroup", "mkdir=/sys/fs/cgroup/escape", READ_ONLY),
    Row("cgroup", "remount-writable=/sys/fs/cgroup", SYSCALL, outside=PRIVATE, lesson="CVE-2022-0492"),
    Row("cgroup", "see=/sys/fs/cgroup/{parent}", NOT_THERE),
    # Namespaces.
    Row("user namespaces", "unshare-user", SYSCALL, lesson="CVE-2022-0492"),
    Row("user namespaces", "unshare-user-and-cgroup", SYSCALL, lesson="CVE-2022-0492"),
    Row("user namespaces", "clone-user", SYSCALL),
    Row("user namespaces", "clone3-user", SYSCALL),
    Row("namespaces", "unshare-mount", SYSCALL),
    Row("namespaces", "setns=/proc/1/ns/uts", SYSCALL),
    Row("inherited fds", "setns-inherited", {"EBADF"}, outside=CHROOT, lesson="CVE-2024-21626"),
    Row("inherited fds", "walk-from-inherited={marker}", {"EBADF"}, outside=CHROOT, lesson="CVE-2024-21626"),
    # Mounts and the root.
    Row("mounts", "mount-tmpfs=/tmp", SYSCALL, outside=PRIVATE),
    Row("mounts", "mount-bind=/tmp", SYSCALL, outside=PRIVATE),
    Row("mounts", "mount-cgroup-v1=/tmp", SYSCALL, outside=PRIVATE, lesson="CVE-2022-0492"),
    Row("mounts", "set-writable=/sys", SYSCALL, outside=PRIVATE),
    Row("mounts", "uncover=/proc/kcore", SYSCALL, "uncover=/tmp", outside=PRIVATE),
    Row("mounts", "uncover=/proc/sys", SYSCALL, "uncover=/run", outside=PRIVATE),
    Row("mounts", "fsopen=proc", SYSCALL),
    Row("mounts", "open-tree=/", SYSCALL),
    Row("root", "pivot-root=/tmp", SYSCALL, outside=PRIVATE),
    Row("root", "climb-from-chroot={marker}", {"ENOENT"}, outside=CHROOT),
    Row("root", "see=/proc/1/root{marker}", {"ENOENT", "EACCES"}, outside=CHROOT),
    Row("root", "see=/proc/1/cwd{marker}", {"ENOENT", "EACCES"}, "see=/proc/1/cwd{marker}", outside=CHROOT),
    Row("root", "open-by-handle=/", SYSCALL, lesson="CVE-2014-9357"),
    # Devices.
    Row("devices", "mknod-memory=/tmp/mem", {"EPERM"}),
    Row("devices", "mknod-disk=/tmp/disk", {"EPERM"}, lesson="CVE-2026-24834, CVE-2020-2023"),
    Row("devices of the image", "read=/zero", {"EACCES"}, outside=CHROOT, lesson="CVE-2026-24834"),
    Row("devices", "read=/dev/mem", NOT_THERE),
    Row("devices", "write=/dev/kmsg", NOT_THERE),
    Row("devices", "see=/dev/hvc0", NOT_THERE),
    Row("devices", "io-ports", SYSCALL),
    Row("terminals", "type-into-terminals", {"ENOTTY", "EPERM", "EIO", "ENXIO"}),
    # Files of the kernel.
    Row("/proc", "read=/proc/kcore", {"ENODATA", "ENOENT"}, lesson="CVE-2025-31133"),
    Row("/proc", "read=/proc/kpageflags", {"ENODATA", "ENOENT"}, lesson="CVE-2025-31133"),
    Row("/proc", "read=/proc/timer_list", {"ENODATA", "ENOENT"}, lesson="CVE-2025-31133"),
    Row("/proc", "write=/proc/sys/kernel/core_pattern", READ_ONLY, lesson="CVE-2025-52881"),
    Row("/proc", "write=/proc/sys/vm/overcommit_memory", READ_ONLY),
    Row("/proc", "write=/proc/sysrq-trigger", READ_ONLY | {"ENOENT"}, lesson="CVE-2025-52881"),
    Row("/sys", "write=/sys/devices/system/memory/memory0/state", READ_ONLY),
    Row("/sys", "write=/sys/devices/system/memory/auto_online_blocks", READ_ONLY),
    Row("/sys", "write=/sys/kernel/mm/numa/demotion_enabled", READ_ONLY),
    # Other processes.
    Row("neighbours", "signal={neighbour}", {"ESRCH"}),
    Row("neighbours", "pidfd={neighbour}", {"ESRCH"}),
    Row("neighbours", "ptrace={neighbour}", {"ESRCH"} | SYSCALL),
    Row("neighbours", "vm-read={neighbour}", {"ESRCH"} | SYSCALL),
    Row("neighbours", "see=/proc/{neighbour}", NOT_THERE),
    Row("neighbours", "shm-attach={key}", {"ENOENT"}),
    Row("the daemon", "connect=/run/czone/czoned.sock", {"ENOENT", "EACCES"}),
    Row("the daemon", "overwrite-foreign-program", {"ESRCH", "EACCES", "EROFS"}, lesson="CVE-2019-5736"),
    # More rights.
    Row("no_new_privs", "run-setuid=/escape-setuid", {"EPERM"}, outside=CHROOT),
    Row("no_new_privs", "run-setuid=/escape-setuid", {"EPERM"}, outside=CHROOT, user="1000"),
    Row("users", "become-root", {"EPERM"}, user="1000"),
    Row("limits", "raise-limit", {"EPERM"}),
    Row("limits", "outlive-oom", {"EACCES", "EPERM"}),
    Row("limits", "fork-many", {"EAGAIN"}),
    # Parts of the kernel that are the whole guest's.
    Row("vsock", "vsock", {"EAFNOSUPPORT"} | SYSCALL, lesson="CVE-2024-50264"),
    Row("vsock", "vsock-high-bits", {"EAFNOSUPPORT"} | SYSCALL),
    Row("vsock", "io-uring", SYSCALL),
    Row("network", "raw-socket", {"EPERM"}),
    Row("network", "packet-socket", {"EPERM", "EAFNOSUPPORT"}),
    Row("network", "set-link", {"EPERM"}),
    Row("kernel", "keyring", SYSCALL),
    Row("kernel", "add-key", SYSCALL),
    Row("kernel", "request-key", SYSCALL),
    Row("kernel", "bpf", SYSCALL),
    Row("kernel", "perf", SYSCALL),
    Row("kernel", "userfaultfd", SYSCALL),
    Row("kernel", "load-module", SYSCALL),
    Row("kernel", "unload-module", SYSCALL),
    Row("kernel", "load-kernel", SYSCALL),
    Row("kernel", "reboot-setting", SYSCALL),
    Row("kernel", "swapon", SYSCALL),
    Row("kernel", "acct", SYSCALL),
    Row("kernel", "kernel-log", SYSCALL),
    Row("kernel", "set-clock", SYSCALL),
    Row("system calls", "call-i386", {"SIGSYS"}),
    Row("system calls", "call-x32", {"SIGSYS"}, unshown="Debian's kernel has them switched off"),
]


@dataclass
class Trick:
    """An image or a request that would lead the launcher astray."""

    prop: str
    what: str
    # Run in the guest before, with ROOT as the working directory; undone by the next test's fresh root.
    plant: str
    request: dict
    error: str
    # A script of the guest that succeeds if the path really leads astray; none where it is the parser that would.
    outside: str
    lesson: str = ""


CONTAINER = "io.czone.Container."
INVALID = "org.varlink.service.InvalidParameter"

TRICKS = [
    Trick("cwd", "cwd in /proc/self/fd", "true", {"cwd": "/proc/self/fd/7"}, INVALID, "test -d /proc/self/fd", "CVE-2024-21626"),
    Trick(
        "cwd", "cwd is a link to /proc/self/fd", "ln -s /proc/self/fd/7 way", {"cwd": "/way"}, INVALID, "test -L way", "CVE-2024-21626"
    ),
    Trick(
        "mount targets", "/dev of the image is a link", "rm -rf dev; ln -s ../../root dev", {}, CONTAINER + "NoSuchRoot",
        "test $(readlink -f dev) = /root", "CVE-2026-41579, CVE-2026-47766, CVE-2021-30465",
    ),
    Trick(
        "mount targets", "/proc of the image is a link", "rm -rf proc; ln -s ../../root proc", {}, CONTAINER + "NoSuchRoot",
        "test $(readlink -f proc) = /root", "CVE-2025-52881",
    ),
    Trick(
        "mount targets", "/sys of the image is a link", "rm -rf sys; ln -s /root sys", {}, CONTAINER + "NoSuchRoot",
        "test $(readlink -f sys) = /root", "CVE-2021-30465",
    ),
    Trick(
        "program", "the program is a link that climbs out", "ln -s ../../../bin/busybox climb", {"args": ["/climb", "true"]},
        CONTAINER + "NoSuchProgram", "test -x climb", "CVE-2026-41326",
    ),
    Trick(
        "program", "the program is a link to /proc/self/exe", "ln -s /proc/self/exe self", {"args": ["/self"]},
        CONTAINER + "NoSuchProgram", "test -x self", "CVE-2019-5736",
    ),
    Trick(
        "program", "the script's interpreter is /proc/self/exe", "echo '#!/proc/self/exe' >script; chmod 755 script",
        {"args": ["/script"]}, CONTAINER + "NoSuchProgram", "test -x /proc/self/exe", "CVE-2019-5736",
    ),
    Trick(
        "user", "/etc/passwd of the image is a link to the guest's", "rm -rf etc; mkdir etc; ln -s ../../../../etc/passwd etc/passwd",
        {"user": "nobody"}, CONTAINER + "NoSuchUser", "grep -q nobody etc/passwd", "CVE-2026-41326",
    ),
    Trick("user", "a user that a lax parser takes for 0", "true", {"user": "0x0"}, CONTAINER + "NoSuchUser", "", "CVE-2026-30892"),
    Trick("user", "a user with something after the number", "true", {"user": "1000:"}, CONTAINER + "NoSuchUser", "", "CVE-2026-30892"),
    Trick("user", "a user beyond 32 bits", "true", {"user": "4294967296"}, CONTAINER + "NoSuchUser", "", "CVE-2026-30892"),
]

RACES = 12
EXECS = 20
WATCH_SECONDS = 8

# The classes of weaknesses of other runtimes and agents from which this one has learnt.
KNOWN = (
    "CVE-2014-9357 CVE-2016-9962 CVE-2019-5736 CVE-2020-2023 CVE-2020-2026 CVE-2021-30465 CVE-2022-0492 CVE-2024-21626 CVE-2024-50264 CVE-2025-31133 "
    "CVE-2025-52565 CVE-2025-52881 CVE-2026-24834 CVE-2026-30892 CVE-2026-41326 CVE-2026-41579 CVE-2026-46214 CVE-2026-47243 CVE-2026-47766 "
    "CVE-2026-115520 CVE-2026-119101"
).split()
# By tests that are no row of a table.
TRIED_BY_ITSELF = ["CVE-2016-9962", "CVE-2025-52565", "CVE-2025-52881", "CVE-2026-115520", "CVE-2026-119101"]
NOT_HERE = {
    "CVE-2020-2026": "the host follows no path of the guest: there is none in what it is told",
    "CVE-2026-46214": "of the kernel's vsock listener; containers reach no vsock",
    "CVE-2026-47243": "there is no virtiofsd",
}

# Requests to Exec that would lead it astray, in a container whose root has been prepared for them: as for Spawn.
EXEC_TRICKS = [
    Trick("exec: cwd", "cwd in /proc/self/fd", "true", {"cwd": "/proc/self/fd/7"}, CONTAINER + "System", "test -d /proc/self/fd", "CVE-2024-21626"),
    Trick(
        "exec: cwd", "cwd is a link to /proc/self/fd", "ln -s /proc/self/fd/7 way", {"cwd": "/way"}, CONTAINER + "System",
        "test -L way", "CVE-2024-21626",
    ),
    Trick(
        "exec: program", "the program is a link to /proc/self/exe", "ln -s /proc/self/exe self", {"args": ["/self"]},
        CONTAINER + "NoSuchProgram", "test -x self", "CVE-2019-5736",
    ),
    Trick(
        "exec: program", "the script's interpreter is /proc/self/exe", "echo '#!/proc/self/exe' >script; chmod 755 script",
        {"args": ["/script"]}, CONTAINER + "NoSuchProgram", "test -x /proc/self/exe", "CVE-2019-5736",
    ),
    Trick(
        "exec: user", "/etc/passwd of the container is a link to the guest's", "rm -rf etc; mkdir etc; ln -s ../../../../etc/passwd etc/passwd",
        {"user": "nobody"}, CONTAINER + "NoSuchUser", "grep -q nobody etc/passwd", "CVE-2026-41326",
    ),
    Trick("exec: user", "a user that a lax parser takes for 0", "true", {"user": "0x0"}, CONTAINER + "NoSuchUser", "", "CVE-2026-30892"),
]


class Isolation(ZoneCase):
    rows = ROWS
    table = []

    @classmethod
    def tearDownClass(cls):
        widths = [max(len(line[i]) for line in cls.table) for i in range(4)]
        print("\n" + "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths + [0])).rstrip() for line in cls.table))

    @classmethod
    def note(cls, *cells):
        if not cls.table:
            cls.table.append(("property", "attempt", "in a container", "outside", "weakness of others"))
        cls.table.append(cells)

    def setUp(self):
        super().setUp()
        self.plant()

    def tearDown(self):
        self.guest.sh(f"umount {ROOT}/proc 2>/dev/null; true")
        for container in self.daemon.containers():
            self.daemon.remove(container["id"], force=True)
        self.uproot()
        super().tearDown()

    def plant(self):
        self.guest.sh(
            f"mkdir -p {ROOT} && cd {ROOT} && mkdir dev proc sys tmp etc run && cp {ESCAPE} .{PROBE} && cp {ESCAPE} .{PROBE}-setuid &&"
            f"chmod 4755 .{PROBE}-setuid && {ESCAPE} plant-device={ROOT}/zero"
        )

    def uproot(self):
        self.guest.sh(f"rm -rf {ROOT}")

    def inside(self, verbs, **parameters):
        """{verb: outcome} of a container that makes these attempts."""
        name = self.daemon.spawn(PROBE, *verbs, memory=SMALL, root=ROOT, **parameters)
        container = self.daemon.wait(name)
        log = self.daemon.logs(name)
        self.daemon.remove(name)
        self.assertIn(container.get("exit_status"), (0, 1, 3), f"{container}\n{log}")
        return self.outcomes(log)

    def outcomes(self, text):
        return {verb: outcome for verb, outcome in (line.split(" ", 1) for line in text.splitlines())}

    def attempts_outside(self, words):
        """{row's id: how it ends as root of the guest}. One script for all: an emulated guest takes its time for each."""
        ways = {GUEST: f"{ESCAPE} '%s'", PRIVATE: f"unshare -m {ESCAPE} '%s'", CHROOT: f"chroot {ROOT} {PROBE} '%s' 9</proc"}
        verbs = {id(row): (row.outside_verb or row.verb).format(**words) for row in self.rows if not row.unshown}
        script = "".join(f"{ways[row.outside] % verbs[id(row)]}; printf '\\n@%s\\n' $?\n" for row in self.rows if not row.unshown)
        ended = re.findall(r"(.*?)\n@(\d+)\n", self.guest.sh(script), re.DOTALL)
        self.assertEqual(len(ended), len(verbs))
        for output, status in ended:
            self.assertIn(int(status), (0, 1, 3), output)
        found = {number: self.outcomes(output.strip()).get(verbs[number], output) for number, (output, _) in zip(verbs, ended)}
        return {id(row): row.unshown or found[id(row)] for row in self.rows}

    def neighbour(self):
        """A second container; the attempts get its pid as the guest sees it."""
        name = self.daemon.spawn("/bin/sleep", "100000", memory=SMALL)
        self.daemon.wait_for_state(name, "running")
        return self.daemon.inspect(name)["pid"]

    def test_no_attempt_gets_out(self):
        neighbour = self.neighbour()
        cgroup = self.guest.cgroup_of(neighbour)
        words = {"neighbour": neighbour, "cgroup": cgroup, "parent": cgroup.split("/")[4], "marker": MARKER, "key": SECRET_KEY}
        self.guest.sh(f"{ESCAPE} shm-make={SECRET_KEY}; mount -t proc proc {ROOT}/proc")
        self.addCleanup(self.guest.sh, f"{ESCAPE} shm-remove={SECRET_KEY}")
        outside = self.attempts_outside(words)
        self.guest.sh(f"umount {ROOT}/proc")
        for user in sorted({row.user for row in self.rows}):
            rows = [row for row in self.rows if row.user == user]
            found = self.inside([row.verb.format(**words) for row in rows], user=user or None, pids=64)
            for row in rows:
                verb = row.verb.format(**words)
                with self.subTest(property=row.prop, attempt=verb, user=user):
                    self.note(row.prop, verb + (f" as {user}" if user else ""), found.get(verb, "?"), outside[id(row)], row.lesson)
                    kind, _, what = found[verb].partition(" ")
                    self.assertIn(kind, ("refused", "killed"))
                    self.assertIn(what, row.refused)
                    self.assertIn(outside[id(row)], ("worked", row.unshown), "the attempt does not work outside either: it shows nothing")

    def exec_attempts(self, container, *verbs, **parameters):
        """{verb: outcome} of an exec session that makes these attempts."""
        session = self.daemon.call(CONTAINER + "Exec", id=container, args=[PROBE, *verbs], **parameters)["exec"]["exec"]
        ended = self.daemon.call(CONTAINER + "Wait", timeout=120, id=container, exec=session)["exec"]
        log = base64.b64decode(self.daemon.call(CONTAINER + "Logs", id=container, exec=session)["data"]).decode()
        self.assertIn(ended.get("exit_status"), (0, 1, 3), f"{ended}\n{log}")
        return self.outcomes(log)

    def sleeper(self):
        self.guest.sh(f"cp /bin/busybox {ROOT}/sleep")
        name = self.daemon.spawn("/sleep", "100000", memory=SMALL, root=ROOT, pids=64)
        self.daemon.wait_for_state(name, "running")
        return name

    def test_no_exec_session_gets_out(self):
        """What joins a container is confined as what it began with. Only that is left out which is the container's own affair."""
        neighbour = self.neighbour()
        words = {"neighbour": neighbour, "cgroup": "", "parent": self.guest.cgroup_of(neighbour).split("/")[4], "marker": MARKER, "key": SECRET_KEY}
        container = self.sleeper()
        for user in sorted({row.user for row in ROWS}):
            # The program of another process of the same container is the container's.
            rows = [row for row in ROWS if row.user == user and row.verb != "overwrite-foreign-program"]
            verbs = [row.verb.format(**words) for row in rows]
            found = self.exec_attempts(container, *verbs, user=user or None)
            for row, verb in zip(rows, verbs):
                with self.subTest(property=row.prop, attempt=verb, user=user):
                    kind, _, what = found[verb].partition(" ")
                    self.assertIn(kind, ("refused", "killed"))
                    self.assertIn(what, row.refused)
        self.note("exec", f"{len(ROWS) - 1} attempts as above, in exec sessions", "refused", "as above", "CVE-2016-9962")

    def test_who_joins_a_hostile_container_is_not_to_be_caught(self):
        """On its way in, a process is still of czoned's kind: for whoever waits there it has neither a program, nor fds, nor a directory."""
        watcher = self.daemon.spawn(PROBE, f"catch-newcomers={WATCH_SECONDS}", memory=SMALL, root=ROOT)
        self.daemon.wait_for_state(watcher, "running")
        program = self.guest.sh("md5sum /usr/libexec/czone/czone-keeper")
        for _ in range(EXECS):
            self.daemon.call(CONTAINER + "Exec", id=watcher, args=[PROBE, "fake-proc"])
        self.daemon.wait(watcher, until="exited")
        outcome = self.outcomes(self.daemon.logs(watcher))[f"catch-newcomers={WATCH_SECONDS}"]
        self.assertEqual(self.guest.sh("md5sum /usr/libexec/czone/czone-keeper"), program)
        self.note("exec", "look into processes on their way in", outcome, self.caught_outside(), "CVE-2016-9962, CVE-2019-5736")
        self.assertEqual(outcome, "refused EACCES")

    def caught_outside(self):
        outcome = self.outcomes(self.guest.run(f"{ESCAPE} catch-newcomers=1").output)["catch-newcomers=1"]
        self.assertEqual(outcome, "worked", "the attempt does not work outside either: it shows nothing")
        return outcome

    def test_an_exec_session_has_no_fd_but_its_own_and_a_directory_inside(self):
        container = self.sleeper()
        self.guest.sh(f"cp /bin/busybox {ROOT}/ls; cp /bin/busybox {ROOT}/pwd")
        for args, wanted in ((["/ls", "/proc/self/fd"], "0\n1\n2\n3\n"), (["/pwd"], "/\n")):
            session = self.daemon.call(CONTAINER + "Exec", id=container, args=args)["exec"]["exec"]
            self.daemon.call(CONTAINER + "Wait", id=container, exec=session)
            log = self.daemon.call(CONTAINER + "Logs", id=container, exec=session)["data"]
            # 3 is ls's own, of the directory it lists.
            self.assertEqual(base64.b64decode(log).decode(), wanted)
        self.note("exec", "fds and directory of a session", "0, 1, 2 and /", "", "CVE-2016-9962, CVE-2024-21626")

    def test_no_request_leads_an_exec_session_astray(self):
        container = self.sleeper()
        for trick in EXEC_TRICKS:
            with self.subTest(trick=trick.what):
                self.guest.sh(f"cd {ROOT}; rm -rf way self script; {trick.plant}")
                self.guest.sh(f"cd {ROOT}\n{trick.outside}")
                error = self.exec_refusal(container, {"args": [PROBE, "fake-proc"], **trick.request})
                self.note(trick.prop, trick.what, f"refused {error.split('.')[-1]}", "the way is there" if trick.outside else "", trick.lesson)
                self.assertEqual(error, trick.error)
                self.guest.sh(f"cd {ROOT} && rm -rf etc && mkdir etc")
        self.assertEqual(self.daemon.inspect(container)["state"], "running")

    def exec_refusal(self, container, request):
        """The error of an exec, at once or as the session's failure."""
        try:
            session = self.daemon.call(CONTAINER + "Exec", id=container, **request)["exec"]["exec"]
        except VarlinkError as refused:
            return refused.error
        ended = self.daemon.call(CONTAINER + "Wait", id=container, exec=session)["exec"]
        self.assertEqual(ended["state"], "failed", ended)
        return ended["failure"]["id"]

    def test_no_image_and_no_request_leads_astray(self):
        for trick in TRICKS:
            with self.subTest(trick=trick.what):
                self.guest.sh(f"rm -rf {ROOT}/way {ROOT}/climb {ROOT}/self {ROOT}/script; cd {ROOT} && {trick.plant}")
                self.guest.sh(f"cd {ROOT}\n{trick.outside}")
                error = self.refusal({"args": [PROBE, "fake-proc"], "root": ROOT, **trick.request})
                self.note(trick.prop, trick.what, f"refused {error.split('.')[-1]}", "the way is there" if trick.outside else "", trick.lesson)
                self.assertEqual(error, trick.error)
                self.guest.sh(f"cd {ROOT} && rm -rf dev proc sys etc && mkdir dev proc sys etc")

    def refusal(self, request):
        """The error of a request, at once or as the container's failure."""
        try:
            name = self.daemon.spawn(*request.pop("args"), memory=SMALL, **request)
        except VarlinkError as refused:
            return refused.error
        failed = self.daemon.wait(name)
        self.daemon.remove(name)
        self.assertEqual(failed["state"], "failed", failed)
        return failed["failure"]["id"]

    def test_a_root_whose_proc_is_exchanged_meanwhile_leads_nowhere(self):
        """/proc of the root is a directory now and a link to another place the next moment, as whoever shares the image could do."""
        self.guest.sh(f"mkdir -p /srv/victim {ROOT}/srv/victim; ln -s /srv/victim {ROOT}/other")
        self.addCleanup(self.guest.sh, "umount /srv/victim 2>/dev/null; rm -rf /srv/victim")
        # What goes by the name alone follows the link, and the exchange works.
        self.guest.sh(f"mount -t proc proc {ROOT}/other && test -e /srv/victim/self && umount /srv/victim")
        self.guest.sh(f"{ESCAPE} exchange={ROOT}/proc:{ROOT}/other:1")
        self.guest.sh(f"setsid {ESCAPE} exchange={ROOT}/proc:{ROOT}/other:600 </dev/null >/dev/null 2>&1 &")
        try:
            ended = [self.end_of_one_start() for _ in range(RACES)]
        finally:
            self.guest.sh("killall escape")
        told = ", ".join(f"{ended.count(kind)} {kind}" for kind in sorted(set(ended)))
        self.note("mount targets", "/proc of the root is exchanged with a link while it starts", told, "a mount follows it", "CVE-2021-30465, CVE-2025-52881")

    def end_of_one_start(self):
        try:
            name = self.daemon.spawn(PROBE, "fake-proc", "see=/srv/victim/self", memory=SMALL, root=ROOT)
        except VarlinkError as refused:
            return refused.error.split(".")[-1]
        container = self.daemon.wait(name)
        log = self.daemon.logs(name)
        self.daemon.remove(name)
        if container["state"] == "failed":
            return container["failure"]["id"].split(".")[-1]
        found = self.outcomes(log)
        self.assertIn(found["fake-proc"], ("refused EEXIST", "refused ELOOP"), "its /proc is the kernel's, or was when it started")
        self.assertEqual(found["see=/srv/victim/self"], "refused ENOENT", "nothing is mounted in the other place")
        return "started with its own"

    def test_a_device_directory_of_links_leads_nowhere(self):
        """What is masked, and the terminal, go by a /dev that is new, not by what the image calls null, console and pts."""
        links = "for name in null console ptmx pts shm; do ln -s /srv/victim/$name dev/$name; done"
        self.guest.sh(f"mkdir -p /srv/victim/pts /srv/victim/shm; touch /srv/victim/null /srv/victim/console; cd {ROOT}; {links}; cp /bin/busybox sh")
        self.addCleanup(self.guest.sh, "rm -rf /srv/victim")
        before = self.guest.sh("find /srv/victim | sort; md5sum /srv/victim/null /srv/victim/console; grep -c victim /proc/self/mountinfo; true")
        script = "test -c /dev/null && test -c /dev/console && test -c /dev/pts/0 && test -c /dev/ptmx && ! test -s /proc/kcore && echo own"
        name = self.daemon.spawn("/sh", "-c", script, memory=SMALL, root=ROOT, tty=True)
        container = self.daemon.wait(name)
        log = self.daemon.logs(name)
        self.assertEqual(container.get("exit_status"), 0, f"{container}\n{log}")
        self.assertEqual(log.split(), ["own"])
        self.assertEqual(
            self.guest.sh("find /srv/victim | sort; md5sum /srv/victim/null /srv/victim/console; grep -c victim /proc/self/mountinfo; true"), before
        )
        self.note("mount targets", "null, console, pts and ptmx of the image are links", "its own", "the way is there", "CVE-2025-31133, CVE-2025-52565")

    def test_every_class_of_weakness_that_is_known_is_tried(self):
        tried = " ".join([part.lesson for part in (*ROWS, *TRICKS, *EXEC_TRICKS)] + TRIED_BY_ITSELF)
        for weakness in KNOWN:
            with self.subTest(weakness):
                self.assertTrue(weakness in tried or weakness in NOT_HERE)
        for weakness, reason in NOT_HERE.items():
            self.note("not here", weakness, reason, "", weakness)

    def test_checkpoints_are_not_offered(self):
        """CVE-2026-119101, CVE-2026-115520: a restore follows the links of what it restores."""
        for method in ("Checkpoint", "Restore"):
            with self.assertRaises(VarlinkError) as caught:
                self.daemon.call(CONTAINER + method)
            self.assertEqual(caught.exception.error, "org.varlink.service.MethodNotFound")
            self.note("checkpoints", method, "refused MethodNotFound", "not offered", "CVE-2026-119101, CVE-2026-115520")


if __name__ == "__main__":
    unittest.main()
