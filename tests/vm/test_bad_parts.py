# SPDX-License-Identifier: Apache-2.0
"""What a request is made of and cannot be, as a table: layers, mounts, links in the root, arguments and environments beyond what the kernel takes,
processes beyond its limits. Each is an error that names the thing, at once or as the container's failure, and leaves nothing behind."""
import time
import unittest
from dataclasses import dataclass

from case import SMALL, ZoneCase
from wire import Connection, VarlinkError

PLACE = "/tmp/bad"
ROOT = f"{PLACE}/root"
LOW = f"{PLACE}/low"
INVALID = "org.varlink.service.InvalidParameter"
CONTAINER = "io.czone.Container."
# The kernel takes one string of this size, and of all of them a quarter of the stack's limit, or this much if that is less.
ARG_MAX = 32 * 4096
MANY = ["x" * (ARG_MAX // 4)] * 5
STACK = [{"name": "stack", "soft": ARG_MAX, "hard": ARG_MAX}]
# The kernel takes no lower one, and has long given its first pids away by then.
PID_MAX = 301
TAKEN_SECONDS = 8
MAKE = f"""
rm -rf {PLACE}; mkdir -p {ROOT}/bin {ROOT}/tmp {LOW}/bin {LOW}/inside
for root in {ROOT} {LOW}; do cp /bin/busybox $root/bin/sh; done
echo text >{PLACE}/file; ln -s {LOW} {PLACE}/link; ln -s {PLACE}/b {PLACE}/a; ln -s {PLACE}/a {PLACE}/b; ln -s /proc/self/root {PLACE}/magic
"""


@dataclass
class Bad:
    what: str
    request: dict
    error: str
    # What its message, or for InvalidParameter its parameter, has in it.
    words: tuple
    # Run in ROOT before.
    plant: str = "true"


def layers(*names):
    return {"layers": [name if name.startswith("/") else f"{PLACE}/{name}" for name in names]}


def bind(source, target, **more):
    return {"type": "bind", "source": source, "target": target, **more}


def mounts(*wanted, root=ROOT):
    return {"root": root, "mounts": list(wanted)}


LAYER = CONTAINER + "NoSuchLayer"
SOURCE = CONTAINER + "NoSuchSource"
SYSTEM = CONTAINER + "System"
NO_ROOT = CONTAINER + "NoSuchRoot"

TABLE = [
    # Layers.
    Bad("a layer that is missing", layers("low", "none"), LAYER, (f"{PLACE}/none",)),
    Bad("a layer that is a file", layers("file"), LAYER, (f"{PLACE}/file", "neither a directory nor a block device")),
    Bad("a layer that is a character device", {"layers": ["/dev/null"]}, LAYER, ("/dev/null", "neither a directory nor a block device")),
    Bad("a layer on a loop device without a file", {"layers": ["/dev/loop7"]}, LAYER, ("/dev/loop7",)),
    Bad("a layer behind a loop of links", layers("a"), LAYER, (f"{PLACE}/a", "symbolic links")),
    Bad("a layer behind a magic link", layers("magic"), LAYER, (f"{PLACE}/magic",)),
    Bad("a layer twice", layers("low", "low"), LAYER, (f"{PLACE}/low", "twice")),
    Bad("a layer twice, by a link", layers("low", "link"), LAYER, (f"{PLACE}/link", "twice")),
    Bad("a layer inside another", layers("low", "low/inside"), LAYER, (f"{PLACE}/low/inside", f"inside layer {PLACE}/low")),
    Bad("a layer that holds another", layers("low/inside", "low"), LAYER, (f"{PLACE}/low/inside", f"inside layer {PLACE}/low")),
    Bad("a relative layer", {"layers": ["tmp"]}, LAYER, ("absolute",)),
    Bad("no layer at all", {"layers": []}, INVALID, ("layers",)),
    Bad("too many layers", {"layers": [LOW] * 65}, INVALID, ("layers",)),
    Bad("layers and a root", {"layers": [LOW], "root": ROOT}, INVALID, ("layers",)),
    Bad("room above no layers", {"root": ROOT, "writable": 1 << 20}, INVALID, ("writable",)),
    # Mounts.
    Bad("a source that is missing", mounts(bind(f"{PLACE}/none", "/tmp")), SOURCE, (f"{PLACE}/none",)),
    Bad("a source behind a loop of links", mounts(bind(f"{PLACE}/a", "/tmp")), SOURCE, (f"{PLACE}/a", "symbolic links")),
    Bad("a source behind a magic link", mounts(bind(f"{PLACE}/magic", "/tmp")), SOURCE, (f"{PLACE}/magic",)),
    Bad("a directory on a file", mounts(bind(LOW, "/file")), SYSTEM, ("mount /file", "one of source and target is a directory"), plant="touch file"),
    Bad("a file on a directory", mounts(bind(f"{PLACE}/file", "/tmp")), SYSTEM, ("mount /tmp", "one of source and target is a directory")),
    Bad("a target twice", mounts(bind(LOW, "/tmp"), bind(ROOT, "/tmp")), INVALID, ("mounts",)),
    Bad("a target below a file of the mount before", mounts(bind(f"{PLACE}/file", "/x"), bind(LOW, "/x/y")), SYSTEM, ("mount /x/y", "one of source and target is a directory")),
    Bad("a target with ..", mounts(bind(LOW, "/tmp/../..")), INVALID, ("mounts",)),
    Bad("the root as target", mounts(bind(LOW, "/")), INVALID, ("mounts",)),
    Bad("a target below /proc", mounts(bind(LOW, "/proc/sys")), INVALID, ("mounts",)),
    Bad("too many mounts", mounts(*(bind(LOW, f"/tmp/{n}") for n in range(65))), INVALID, ("mounts",)),
    # Links in the root.
    Bad("a target that is a circular link", mounts(bind(LOW, "/circle")), SYSTEM, ("mount /circle", "circular"), plant="ln -s circle circle"),
    Bad("a target through a link into /proc", mounts(bind(LOW, "/way/sys")), SYSTEM, ("mount /way/sys", "leads into /proc"), plant="ln -s /proc way"),
    Bad("a target through a link into /dev", mounts(bind(LOW, "/way/x")), SYSTEM, ("mount /way/x", "leads into"), plant="ln -s ../dev way"),
    Bad("a target through a link to the root", mounts(bind(LOW, "/way")), SYSTEM, ("mount /way", "to the root itself"), plant="ln -s ../.. way"),
    Bad("/proc is a link", {"root": ROOT}, NO_ROOT, ("/proc",), plant="ln -s /tmp proc"),
    Bad("/dev is a link", {"root": ROOT}, NO_ROOT, ("/dev",), plant="ln -s /tmp dev"),
    Bad("/sys is a file", {"root": ROOT}, NO_ROOT, ("/sys",), plant="touch sys"),
    Bad("the root is a loop of links", {"root": f"{PLACE}/a"}, NO_ROOT, (f"{PLACE}/a",)),
    Bad("the root is a magic link", {"root": f"{PLACE}/magic"}, NO_ROOT, (f"{PLACE}/magic",)),
    Bad("the program is a circular link", {"root": ROOT, "args": ["/circle"]}, CONTAINER + "NoSuchProgram", ("/circle",), plant="ln -s circle circle"),
    # What the kernel does not take.
    Bad("one argument that is too long", {"root": ROOT, "args": ["/bin/sh", "-c", "x" * ARG_MAX]}, INVALID, ("args",)),
    Bad("one variable that is too long", {"root": ROOT, "env": ["A=" + "x" * ARG_MAX]}, INVALID, ("env",)),
    Bad("too many arguments", {"root": ROOT, "args": ["/bin/sh"] + ["x"] * 5000}, INVALID, ("args",)),
    Bad("arguments beyond the kernel's limit", {"root": ROOT, "args": ["/bin/sh", "-c", "exit 0", *MANY], "rlimits": STACK}, SYSTEM, ("/bin/sh", "args and env together are too long")),
    Bad("an environment beyond the kernel's limit", {"root": ROOT, "env": [f"A{n}={word}" for n, word in enumerate(MANY)], "rlimits": STACK}, SYSTEM, ("/bin/sh", "args and env together are too long")),
    Bad("an argument with a NUL", {"root": ROOT, "args": ["/bin/sh", "a\0b"]}, INVALID, ("args",)),
    Bad("a variable without a name", {"root": ROOT, "env": ["=x"]}, INVALID, ("env",)),
    Bad("a variable without a value", {"root": ROOT, "env": ["x"]}, INVALID, ("env",)),
]


class BadParts(ZoneCase):
    def setUp(self):
        super().setUp()
        self.guest.sh(MAKE)

    def tearDown(self):
        self.guest.sh(f"rm -rf {PLACE}")
        super().tearDown()

    def refusal(self, request):
        """(error, message) of a request, at once or as the container's failure."""
        try:
            name = self.daemon.spawn(*request.pop("args", ["/bin/sh", "-c", "exit 0"]), memory=SMALL, **request)
        except VarlinkError as refused:
            return refused.error, f"{refused.parameters.get('parameter', '')}: {refused.parameters.get('message', '')}"
        container = self.daemon.wait(name)
        self.daemon.remove(name)
        self.assertEqual(container["state"], "failed", container)
        return container["failure"]["id"], container["failure"]["message"]

    def test_each_is_an_error_that_names_it_and_leaves_nothing(self):
        for bad in TABLE:
            with self.subTest(bad.what):
                self.guest.sh(MAKE)
                self.guest.sh(f"cd {ROOT} && {bad.plant}")
                error, message = self.refusal(dict(bad.request))
                print(f"  {bad.what}: {error.rsplit('.', 1)[1]}: {message}", flush=True)
                self.assertEqual(error, bad.error, message)
                for word in bad.words:
                    self.assertIn(word, message)
                # The kernel's side is looked at once, at the end.
                self.assertEqual(self.daemon.containers(), [])
                self.assertEqual(self.daemon.zones()["zones"], [])

    def test_a_request_that_is_too_long_for_a_message_is_refused_and_czoned_goes_on(self):
        with Connection(self.vm.address) as connection:
            connection.request(CONTAINER + "Spawn", {"args": ["/bin/sh", *["x" * 60000] * 5], "memory": SMALL})
            self.assertTrue(connection.closed())
        self.assertEqual(self.daemon.containers(), [])

    def test_no_process_is_left_below_the_parent_of_all_containers(self):
        """czoned's helpers are below it, too: the zone cannot be returned, is told to be in quarantine, and is returned to the next host that attaches."""
        parent = "/sys/fs/cgroup/" + self.guest.sh("cat /proc/$(pidof czone-keeper | cut -d ' ' -f 1)/cgroup").split("::/")[1].split("/")[0]
        self.guest.sh(f"echo 0 >{parent}/pids.max")
        try:
            error, message = self.refusal({})
        finally:
            self.guest.sh(f"echo max >{parent}/pids.max")
        self.assertEqual(error, SYSTEM, message)
        self.assertIn("limit of processes", message)
        with self.without_host():
            pass
        name = self.daemon.spawn("/bin/sh", "-c", "exit 3", memory=SMALL)
        self.assertEqual(self.daemon.wait(name)["exit_status"], 3)

    def test_no_process_is_left_in_the_guest(self):
        """All pids are taken for some seconds; what runs is not harmed, and what comes afterwards is as before."""
        running = self.hold(SMALL, 10)
        self.wait_ready(running)
        most = self.guest.read("/proc/sys/kernel/pid_max")
        # By a shell that starts no program but one, for the last pid there is: afterwards nobody can, this test's console neither.
        steal = (
            f"read -t 1 x <&9; echo {PID_MAX} >/proc/sys/kernel/pid_max; [ -e /proc/{PID_MAX - 1} ] || sleep {TAKEN_SECONDS} &"
            f"read -t {TAKEN_SECONDS} x <&9; echo {most} >/proc/sys/kernel/pid_max"
        )
        self.guest.sh(f"mkfifo /tmp/never; exec 9<>/tmp/never; rm /tmp/never; setsid sh -c '{steal}' </dev/null >/dev/null 2>&1 &")
        time.sleep(TAKEN_SECONDS / 2)
        error, message = self.refusal({})
        time.sleep(TAKEN_SECONDS)
        self.assertEqual(error, SYSTEM, message)
        with self.without_host():
            pass
        self.assert_unharmed(running)
        name = self.daemon.spawn("/bin/sh", "-c", "exit 3", memory=SMALL)
        self.assertEqual(self.daemon.wait(name)["exit_status"], 3)


if __name__ == "__main__":
    unittest.main()
