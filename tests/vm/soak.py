# SPDX-License-Identifier: Apache-2.0
"""One cycle of a soak: a container of random size, made in a random way, that ends in a random one."""
import os
import signal
import socket
import subprocess
import time
from contextlib import nullcontext, suppress

from case import MIB, TENANT
from czone import CZONECTL, Ctl, Daemon, wait_for
from wire import Connection, VarlinkError

BLOCK = 128 * MIB
LAYERS = "/srv/soak"
# A text file that may be executed and that no kernel can.
NOT_A_PROGRAM = "/bin/not-a-program"
STAY = "exec sleep 1000"
CONTAINER = "io.czone.Container."
SIGKILL = 9
SIGTERM = 15
# Of a POSIX shell, for what a signal ended.
SHELL_SIGNAL = 128
PIDS = 24
GIVE_UP = {"way_killed_at_any_moment", "way_stopped_at_any_moment", "way_removed_by_force", "ctl_killed"}
TAKEN_BACK_SECONDS = 1.5
GIVEN_UP = {"exited", "failed", "done"}


class Wrong(Exception):
    """A container did not end as it must."""


def expect(found, wanted, what):
    if found != wanted:
        raise Wrong(f"{what}: {found} instead of {wanted}")


class Cycle:
    """chance: a random.Random; large: a semaphore of the zones that only pc-dimms can hold; in_guest: runs a script in the guest."""

    def __init__(self, address, number, chance, large, in_guest):
        self.address = address
        self.in_guest = in_guest
        self.daemon = Daemon(address)
        self.ctl = Ctl(address)
        self.number = number
        self.chance = chance
        self.large = large
        self.name = f"soak{number:06}"
        self.way = ""

    def run(self):
        """Raises Wrong, or what czoned answered."""
        ways = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("way_")]
        # Half of all are `czonectl run --rm`.
        way = self.chance.choice([self.run_and_remove, self.chance.choice(ways)])
        self.way = way.__name__
        blocks = self.chance.choice([1, 1, 1, 2, 2, 3, 4])
        self.memory = blocks * BLOCK - self.chance.choice([0, 1, 4096, BLOCK // 2])
        with self.large if blocks == 4 else nullcontext():
            way()
            # A container may be removed before its memory is back, and then another would find the host with nothing to give.
            wait_for(lambda: all(zone["name"] != self.name for zone in self.daemon.zones()["zones"]), f"the zone of {self.name} is gone", 180)
            # What was plugged for one that was given up is taken back by the host, of which the guest does not tell.
            if self.way in GIVE_UP:
                time.sleep(TAKEN_BACK_SECONDS)

    # How it is made.

    def parts(self):
        """Of a container that runs on busybox: its root, its network, its mounts."""
        found = {}
        if self.chance.random() < 0.4:
            found["layers"] = [f"{LAYERS}/low", f"{LAYERS}/high"]
        if self.chance.random() < 0.3:
            found["network"] = {"mode": "none"}
        if self.chance.random() < 0.2:
            found["mounts"] = [{"type": "tmpfs", "target": "/tmp/more"}, {"type": "bind", "target": "/tmp/low", "source": f"{LAYERS}/low"}]
            found["layers"] = [f"{LAYERS}/low"]
        return found

    def spawn(self, *args, **parameters):
        if self.chance.random() < 0.5:
            parameters["key"] = f"key {self.number:06}"
        return self.daemon.spawn(*args, memory=self.memory, id=self.name, **parameters)

    def start(self, script, **parameters):
        self.spawn("/bin/sh", "-c", f"echo up; {script}", **self.parts(), **parameters)
        self.daemon.wait_for_log(self.name, "up")

    # How it ends.

    def gone(self, **wanted):
        """It has ended with this exit_status or exit_signal and its memory is back; then it is removed."""
        container = self.daemon.wait(self.name, timeout=180)
        for field, value in wanted.items():
            expect(container.get(field), value, f"{field} of {container}")
        self.daemon.remove(self.name)
        return container

    def refused(self, *args, error, **parameters):
        try:
            self.spawn(*args, **parameters)
        except VarlinkError as refusal:
            expect(refusal.error, CONTAINER + error, "refused")
            return
        container = self.gone(state="failed")
        expect(container["failure"]["id"], CONTAINER + error, "failure")

    def way_exit_status(self):
        status = self.chance.randrange(256)
        self.spawn("/bin/sh", "-c", f"head -c {self.chance.randrange(100000)} /dev/zero; exit {status}", **self.parts())
        self.gone(exit_status=status)

    def way_child_killed_by_a_signal(self):
        number = self.chance.choice([signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
        self.spawn("/bin/sh", "-c", f"sh -c 'kill -{int(number)} $$'; exit $?", **self.parts())
        self.gone(exit_status=SHELL_SIGNAL + number)

    def way_out_of_memory(self):
        # A block more than the zone has.
        self.spawn(TENANT, "overflow", str((self.memory + 2 * BLOCK - 1) // BLOCK * BLOCK))
        self.gone(oom_killed=True)

    def way_killed(self):
        self.start(STAY)
        self.daemon.kill(self.name)
        self.gone(exit_signal=SIGKILL)

    def way_killed_at_any_moment(self):
        self.spawn("/bin/sh", "-c", STAY, **self.parts())
        time.sleep(self.chance.random())
        # Nothing to kill before it runs.
        with suppress(VarlinkError):
            self.daemon.kill(self.name)
        self.daemon.remove(self.name, force=True)

    def way_asked_to_end(self):
        self.start("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done")
        # Before that the first process of a pid namespace ignores the signal.
        self.daemon.wait_for_log(self.name, "ready")
        self.daemon.kill(self.name, "TERM")
        self.gone(exit_status=5)

    def way_stopped(self):
        self.start(self.chance.choice(["trap : TERM; while :; do sleep 0.1; done", STAY]))
        grace = self.chance.choice([0, 50, 300])
        self.daemon.call(CONTAINER + "Stop", id=self.name, grace_ms=grace)
        self.gone(exit_signal=SIGKILL)

    def way_stopped_at_any_moment(self):
        self.spawn("/bin/sh", "-c", STAY, **self.parts())
        time.sleep(self.chance.random())
        container = self.daemon.call(CONTAINER + "Stop", id=self.name, grace_ms=0)["container"]
        expect(container["state"] in GIVEN_UP, True, f"stopped {container}")
        self.daemon.wait(self.name, timeout=180)
        self.daemon.remove(self.name)

    def way_removed_by_force(self):
        self.spawn("/bin/sh", "-c", STAY, **self.parts())
        time.sleep(self.chance.choice([0, 0, self.chance.random()]))
        self.daemon.remove(self.name, force=True)

    def way_program_missing(self):
        self.refused("/bin/nothing-here", error="NoSuchProgram", **self.parts())

    def way_program_that_no_kernel_takes(self):
        self.refused(NOT_A_PROGRAM, error="NotExecutable", layers=[f"{LAYERS}/low"])

    def way_layer_missing(self):
        self.refused("/bin/sh", error="NoSuchLayer", layers=[f"{LAYERS}/low", f"{LAYERS}/none"])

    def way_fork_bomb(self):
        self.start("f() { f | f & }; f; exec sleep 1000", pids=PIDS)
        time.sleep(self.chance.uniform(0, 0.5))
        self.daemon.call(CONTAINER + "Stop", id=self.name, grace_ms=0)
        self.gone(exit_signal=SIGKILL)

    def way_with_exec(self):
        self.start(STAY)
        sessions = {}
        for _ in range(self.chance.randint(1, 4)):
            status = self.chance.choice([None, *range(3)])
            script = STAY if status is None else f"exit {status}"
            session = self.daemon.call(CONTAINER + "Exec", id=self.name, args=["/bin/sh", "-c", script], tty=self.chance.random() < 0.3)
            sessions[session["exec"]["exec"]] = status
        for session, status in sessions.items():
            if status is not None:
                found = self.daemon.call(CONTAINER + "Wait", id=self.name, exec=session)["exec"]
                expect(found.get("exit_status"), status, f"exec {found}")
        self.daemon.kill(self.name)
        self.gone(exit_signal=SIGKILL)

    def way_on_a_terminal(self):
        self.start("read status; exit $status", tty=True, columns=80, rows=24)
        with Connection(self.address) as reader:
            reader.request(CONTAINER + "Logs", {"id": self.name}, more=True)
            reader.reply()
            self.daemon.call(CONTAINER + "Write", id=self.name, data="Nwo=")
        self.gone(exit_status=7)

    def way_with_input(self):
        self.start("cat >/dev/null; exit 8", stdin=True)
        for _ in range(self.chance.randint(0, 4)):
            self.daemon.call(CONTAINER + "Write", id=self.name, data="c29haw==")
        if self.chance.random() < 0.7:
            self.daemon.call(CONTAINER + "Write", id=self.name, eof=True)
            self.gone(exit_status=8)
        else:
            self.daemon.remove(self.name, force=True)

    def way_with_readers_that_are_lost(self):
        self.start("yes | head -c 100000; exec sleep 1000")
        calls = self.chance.choices(["Logs", "Stats", "Wait"], k=self.chance.randint(1, 3))
        readers = [Connection(self.address) for _ in calls]
        for reader, call in zip(readers, calls):
            reader.request(CONTAINER + call, {"id": self.name}, more=True)
        if calls[0] != "Wait":
            readers[0].reply()
        first = self.chance.random() < 0.5
        if first:
            self.hang_up(readers)
        self.daemon.kill(self.name)
        self.gone(exit_signal=SIGKILL)
        if not first:
            self.hang_up(readers)

    def hang_up(self, readers):
        # Not by close() alone, of which vhost-device-vsock tells nobody while something is unread.
        for reader in readers:
            reader.socket.shutdown(socket.SHUT_RDWR)
        time.sleep(0.2)
        for reader in readers:
            reader.close()

    def way_held_and_never_started(self):
        self.spawn("/bin/sh", "-c", STAY, hold=True, **self.parts())
        self.daemon.wait_for_state(self.name, "created")
        self.daemon.remove(self.name, force=True)

    def way_keeper_killed(self):
        self.start(STAY)
        pid = self.daemon.inspect(self.name)["pid"]
        self.in_guest(f"kill -KILL $(awk '/^PPid/ {{ print $2 }}' /proc/{pid}/status)")
        self.gone(exit_signal=SIGKILL)

    # By czonectl, which removes it.

    def run_words(self, script, *options):
        memory = ["--memory", str(self.memory), "--id", self.name]
        layers = ["--layer", f"{LAYERS}/low"] if self.chance.random() < 0.3 else []
        return ["run", "--rm", *memory, *layers, *options, "--", "/bin/sh", "-c", script]

    def run_and_remove(self):
        way = self.chance.choice([self.ctl_to_the_end, self.ctl_to_the_end, self.ctl_killed, self.ctl_with_a_program_missing])
        self.way = way.__name__
        way()

    def ctl_to_the_end(self):
        status, size = self.chance.randrange(126), self.chance.randrange(60000)
        done = self.ctl.run(*self.run_words(f"head -c {size} /dev/zero | tr '\\0' x; exit {status}"), timeout=240)
        expect((done.returncode, len(done.stdout)), (status, size), f"status and output ({done.stderr})")
        self.removed()

    def removed(self):
        names = [container["id"] for container in self.daemon.containers()]
        expect(self.name in names, False, "still there")

    def ctl_with_a_program_missing(self):
        done = self.ctl.run("run", "--rm", "--memory", str(self.memory), "--id", self.name, "--", "/bin/nothing-here", timeout=240)
        expect(done.returncode, 127, f"status ({done.stderr})")
        self.removed()

    def ctl_killed(self):
        """Its container goes on, or comes even later: whoever runs the soak removes it at the end."""
        command = [CZONECTL, *self.run_words(STAY)]
        with subprocess.Popen(
            command, env=self.ctl.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(self.chance.uniform(0.3, 1.3))
            os.kill(process.pid, signal.SIGKILL)
        with suppress(VarlinkError):
            self.daemon.remove(self.name, force=True)
