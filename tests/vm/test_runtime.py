# SPDX-License-Identifier: Apache-2.0
"""Bundles run by the guest's crun and runc: in a zone like any other container, with the same log, status, exec, signals and restart."""
import base64
import json
import os
import unittest

import runtimes
from case import SMALL, TENANT, programs
from czone import Ctl, Daemon, HostDaemon, wait_for
from vm import BUILD, MicroVM
from wire import VarlinkError

GENERATED = os.path.join(os.path.dirname(__file__), "..", "fuzz", "corpus", "oci_config")
BUNDLE = "/tmp/bundle"
MIB = 1 << 20
HOLD = 160 * MIB
PROBE = "/opt/launch_probe"

vm = daemon = ctl = None


def setUpModule():
    global vm, daemon, ctl
    add = {**programs(), os.path.join(BUILD, "tests", "launch_probe"): PROBE, **runtimes.files()}
    vm = MicroVM(zones=[f"{SMALL // MIB}M"] * 2, memory="640M", add=add)
    unittest.enterModuleContext(vm)
    unittest.enterModuleContext(HostDaemon(vm, "--max-zone", str(SMALL), "--max-total", str(2 * SMALL)))
    daemon, ctl = Daemon(vm.address), Ctl(vm.address)
    wait_for(lambda: daemon.zones()["host_attached"], "host attached", 30)
    vm.guest.sh(
        f"mkdir -p {BUNDLE}/rootfs/bin {BUNDLE}/rootfs/tmp {BUNDLE}/rootfs/run && cp /bin/busybox {TENANT} {PROBE} {BUNDLE}/rootfs/bin/ && "
        f"for name in sh cat ls grep hostname sleep stty true; do ln -sf busybox {BUNDLE}/rootfs/bin/$name; done"
    )


def generated(name):
    """What `NAME spec` writes."""
    version = {"crun": "crun-1.8.1", "runc": "runc-1.1.5"}[name]
    with open(os.path.join(GENERATED, version), encoding="utf-8") as file:
        return json.load(file)


def write(config):
    encoded = base64.b64encode(json.dumps(config).encode()).decode()
    vm.guest.sh(f"echo {encoded} | base64 -d >{BUNDLE}/config.json")


class Runtime:
    """What holds for both."""

    maxDiff = None
    name = None

    def setUp(self):
        self.before = vm.guest.traces()

    def tearDown(self):
        for container in daemon.containers():
            daemon.remove(container["id"], force=True)
        wait_for(lambda: vm.monitor.plugged() == 0, "QEMU has all memory back", 60)
        wait_for(lambda: vm.guest.traces() == self.before, lambda: f"traces as before\n{self.before}\n{vm.guest.traces()}", 30)

    def config(self, *args, terminal=False):
        config = generated(self.name)
        config["process"].update(args=list(args), terminal=terminal)
        return config

    def spawn(self, config, **parameters):
        write(config)
        return daemon.call(
            "io.czone.Container.Spawn", bundle=BUNDLE, runtime=self.name, memory=parameters.pop("memory", SMALL), **parameters
        )["container"]["id"]

    def test_what_it_generates_runs_unchanged(self):
        write(generated(self.name))
        container = daemon.call("io.czone.Container.Spawn", bundle=BUNDLE, runtime=self.name, memory=SMALL)["container"]
        self.assertEqual(container["runtime"], self.name)
        container = container["id"]
        self.type(container, "echo $((6 * 7)); hostname")
        # It has a terminal, and its echo.
        wait_for(lambda: {"42", self.name} <= set(daemon.logs(container).split("\r\n")), "a shell at a terminal", 60)
        self.assert_resized(container)
        daemon.kill(container)
        self.assertEqual(daemon.wait(container)["exit_signal"], 9)

    def assert_resized(self, container):
        daemon.call("io.czone.Container.Resize", id=container, columns=100, rows=40)
        self.type(container, "stty size")
        wait_for(lambda: "40 100" in daemon.logs(container).split("\r\n"), "its size is passed on", 60)

    def type(self, container, line):
        daemon.call("io.czone.Container.Write", id=container, data=base64.b64encode(f"{line}\n".encode()).decode())

    def test_all_it_has_and_what_is_executed_in_it_is_in_its_zone(self):
        config = self.config("/bin/tenant", "hold", str(HOLD // 2), str(HOLD // 2))
        config["mounts"] += [{"destination": path, "type": "tmpfs", "source": "tmpfs"} for path in ("/tmp", "/run")]
        container = self.spawn(config)
        daemon.wait_for_log(container, "ready")
        state = daemon.inspect(container)
        pids = self.pids(container)
        self.assert_on_node(vm.guest.cgroup_of(pids[0]), state["node"])
        # With the runtime.
        self.assert_on_node(vm.guest.cgroup_of(state["pid"]).rsplit("/", 1)[0], state["node"])
        for pid in (*pids, state["pid"]):
            self.assertIn("bind=relative:1", vm.guest.sh(f"head -n 1 /proc/{pid}/numa_maps"))
        # Within what the kernel's counters, kept per CPU, may be off: as in test_exclusive.
        verification = daemon.verify(state["zone"])
        self.assertTrue(verification["exclusive"], verification)
        self.assertLessEqual(abs(verification["foreign"]), verification["slack"], verification)
        usage = daemon.call("io.czone.Container.Stats", id=container)["stats"][0]
        self.assertGreaterEqual(usage["memory"]["current"], HOLD)
        self.assertGreaterEqual(usage["pids"]["current"], 2)
        self.assert_exec_is_inside(container)
        daemon.kill(container)
        daemon.wait(container)
        self.assertEqual(daemon.receipt(container)["outcome"], "returned")

    def assert_on_node(self, cgroup, node):
        """All it holds, and none of it on the other zone's node: by the kernel's numbers."""
        stat = vm.guest.numa_stat(cgroup)
        user = {n: stat["anon"].get(n, 0) + stat["file"].get(n, 0) for n in vm.guest.nodes()}
        self.assertGreaterEqual(user[node], HOLD, f"{cgroup}: {stat}")
        self.assertGreaterEqual(user[node] / sum(user.values()), 0.995, f"{cgroup}: {stat}")
        for other in set(user) - {0, node}:
            self.assertEqual(user[other], 0, f"{cgroup} has pages on node {other}: {stat}")

    def assert_exec_is_inside(self, container):
        done = ctl.run("exec", "-e", "A=b", "-w", "/tmp", container, "sh", "-c", "echo $A; pwd; hostname; cat /proc/1/cmdline; exit 5")
        self.assertEqual((done.returncode, done.stdout[:-1].split("\n")[:3]), (5, ["b", "/tmp", self.name]), done.stderr)
        self.assertIn("/bin/tenant\0hold\0", done.stdout)
        done = ctl.run("exec", container, "sh", "-c", "launch_probe mempolicy-denied && launch_probe vsock-denied")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        session = daemon.call("io.czone.Container.Exec", id=container, args=["sleep", "1000"])["exec"]["exec"]
        wait_for(lambda: len(self.pids(container)) == 2, "the session has begun", 30)
        for pid in self.pids(container):
            self.assertIn("bind=relative:1", vm.guest.sh(f"head -n 1 /proc/{pid}/numa_maps"))
        daemon.call("io.czone.Container.Kill", id=container, exec=session, signal="TERM")
        wait_for(lambda: len(self.pids(container)) == 1, "the session has ended", 30)

    def pids(self, container):
        """Of the container's processes, its own first, without the runtime."""
        runtime = daemon.inspect(container)["pid"]
        zone = vm.guest.cgroup_of(runtime).rsplit("/", 1)[0]
        text = vm.guest.sh(f"cat $(find {zone} -name cgroup.procs | grep -v @runtime)")
        self.assertIn(str(runtime), vm.guest.read(f"{zone}/@runtime/cgroup.procs").split())
        return [int(pid) for pid in text.split()]

    def test_a_bundle_without_an_ipc_namespace_shares_the_guests(self):
        config = self.config("ls", "-l", "/proc/self/ns/ipc")
        config["linux"]["namespaces"] = [entry for entry in config["linux"]["namespaces"] if entry["type"] != "ipc"]
        container = self.spawn(config)
        self.assertEqual(daemon.wait(container)["exit_status"], 0, daemon.logs(container))
        guest = vm.guest.sh("readlink /proc/$(pidof czoned)/ns/ipc").strip()
        self.assertEqual(daemon.logs(container).split()[-1], guest)

    def test_the_user_of_a_session_is_a_number(self):
        container = self.spawn(self.config("sh", "-c", "echo ready; sleep 1000"))
        daemon.wait_for_log(container, "ready")
        for user in ("nobody", "12:", "+1", "1:x", "-1", "0x1"):
            with self.assertRaises(VarlinkError, msg=user) as caught:
                daemon.call("io.czone.Container.Exec", id=container, args=["true"], user=user)
            self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")
            self.assertEqual(caught.exception.parameters["parameter"], "user")
        done = ctl.run("exec", "-u", "12:34", container, "sh", "-c", "grep -E '^[UG]id' /proc/self/status")
        self.assertEqual(done.stdout.split(), ["Uid:", *["12"] * 4, "Gid:", *["34"] * 4], done.stderr)
        self.assertEqual(ctl.run("exec", "-u", "nobody", container, "true").returncode, 122)

    def test_a_signal_comes_once_and_the_status_is_the_programs(self):
        container = self.spawn(self.config("sh", "-c", "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.1; done"))
        daemon.wait_for_log(container, "ready")
        daemon.kill(container, "TERM")
        self.assertEqual(daemon.wait(container)["exit_status"], 7)
        self.assertEqual(daemon.logs(container).split("\n").count("got it"), 1)


class Crun(Runtime, unittest.TestCase):
    name = "crun"

    def assert_resized(self, container):
        """crun does it from 1.8.7 on; Debian 12 has 1.8.1."""

    def test_fields_the_native_launcher_does_not_support_are_carried_out(self):
        config = self.config("sh", "-c", "cat /mark; grep NoNewPrivs /proc/self/status; cat /proc/sys/net/ipv4/ip_forward; ls /dev/fuse")
        config["process"]["noNewPrivileges"] = False
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666, "uid": 0, "gid": 0}]
        config["hooks"] = {"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo hooked >{BUNDLE}/rootfs/mark"]}]}
        write(config)
        with self.assertRaises(VarlinkError) as caught:
            daemon.call("io.czone.Container.Spawn", bundle=BUNDLE, memory=SMALL)
        self.assertEqual(caught.exception.error, "io.czone.Container.BadBundle")
        container = self.spawn(config)
        self.assertEqual(daemon.wait(container)["exit_status"], 0, daemon.logs(container))
        self.assertEqual(daemon.logs(container), "hooked\nNoNewPrivs:\t0\n1\n/dev/fuse\n")

    def test_a_restart_of_czoned_loses_nothing(self):
        config = self.config("sh", "-c", "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i + 1)); sleep 0.1; done; exit 9")
        container = self.spawn(config)
        daemon.wait_for_log(container, "line 2")
        vm.guest.sh("kill -9 $(pidof czoned)")
        # The bundle is not read again.
        vm.guest.sh(f"rm {BUNDLE}/config.json")
        wait_for(lambda: vm.guest.run("czonectl info").status == 0, "czoned is back", 60)
        wait_for(lambda: daemon.zones()["host_attached"], "host attached", 60)
        self.assertEqual(daemon.wait(container)["exit_status"], 9)
        self.assertEqual(daemon.logs(container), "".join(f"line {i}\n" for i in range(30)))
        self.assertEqual(daemon.inspect(container)["runtime"], self.name)

    def test_what_it_refuses_is_in_the_log(self):
        config = self.config("no-such-program")
        container = self.spawn(config)
        self.assertNotEqual(daemon.wait(container)["exit_status"], 0)
        self.assertIn("no-such-program", daemon.logs(container))

    def test_what_would_leave_the_zone_is_refused(self):
        config = self.config("true")
        config["linux"]["resources"]["cpu"] = {"mems": "0"}
        with self.assertRaises(VarlinkError) as caught:
            self.spawn(config)
        self.assertEqual(caught.exception.parameters["member"], "linux.resources.cpu.mems")


class Runc(Runtime, unittest.TestCase):
    name = "runc"


class Missing(unittest.TestCase):
    def test_a_runtime_the_guest_does_not_have_is_named(self):
        vm.guest.sh("mv /usr/bin/crun /tmp/")
        try:
            write(generated("crun"))
            with self.assertRaises(VarlinkError) as caught:
                daemon.call("io.czone.Container.Spawn", bundle=BUNDLE, runtime="crun", memory=SMALL)
            self.assertEqual(caught.exception.error, "io.czone.Container.NoSuchRuntime")
            self.assertEqual(caught.exception.parameters["runtime"], "crun")
            done = ctl.run("run", "--bundle", BUNDLE, "--runtime", "crun", "--memory", str(SMALL))
            self.assertEqual(done.returncode, 126, done.stderr)
            self.assertIn("install it", done.stderr)
        finally:
            vm.guest.sh("mv /tmp/crun /usr/bin/")


if __name__ == "__main__":
    unittest.main()
