# SPDX-License-Identifier: Apache-2.0
"""podman with czone-oci as its runtime: its containers are czoned's, in zones of their own. Debian's podman, in a Debian on a disk."""
import shlex
import unittest

import runtimes
from case import SMALL, ZoneCase, again, programs
from czone import Daemon, HostDaemon, wait_for
from vm import MicroVM, script

MIB = 1 << 20
DEBIAN = "/srv/debian"
# Seen under the same path by podman, which runs in the Debian, and by czoned, which does not.
SHARED = "/run/podman"
PODMAN = (
    f"podman --root {SHARED}/storage --runroot {SHARED}/run --tmpdir {SHARED}/tmp --storage-driver vfs "
    f"--cgroup-manager cgroupfs --events-backend file --runtime-flag memory={SMALL // MIB}M"
)
CONFIG = """
[engine]
runtime = "czone-oci"
runtime_supports_json = ["czone-oci"]
runtime_supports_nocgroup = ["czone-oci"]
[engine.runtimes]
czone-oci = ["/usr/local/bin/czone-oci"]
"""

vm = daemon = None


def setUpModule():
    global vm, daemon
    disk = script("rootfs", "bookworm", "podman", "crun", "libjansson4")
    vm = MicroVM(zones=[f"{SMALL // MIB}M"] * 2, memory="1G", disks=[disk], modules=["ext4"], add={**programs(), **runtimes.files(("crun",))})
    unittest.enterModuleContext(vm)
    unittest.enterModuleContext(HostDaemon(vm, "--max-zone", str(SMALL), "--max-total", str(2 * SMALL)))
    daemon = Daemon(vm.address)
    wait_for(lambda: daemon.zones()["host_attached"], "host attached", 30)
    vm.guest.sh(
        f"mkdir -p {DEBIAN} {SHARED}/rootfs/bin && mount -t ext4 /dev/vda {DEBIAN} && cp /usr/bin/czone-oci {DEBIAN}/usr/local/bin/ &&"
        f"for dir in proc sys dev run; do mount --rbind /$dir {DEBIAN}/$dir; done; cp /bin/busybox {SHARED}/rootfs/bin/;"
        f"for name in sh echo cat sleep grep stty; do ln -s busybox {SHARED}/rootfs/bin/$name; done"
    )


class Podman(unittest.TestCase):
    def setUp(self):
        self.before = vm.guest.traces()

    def tearDown(self):
        # Only after a failure: it takes an emulated guest a second to start podman.
        vm.guest.run(
            f"[ -z \"$(ls /run/czone-oci)\" ] || chroot {DEBIAN} {PODMAN} rm --all --force --time 0;"
            "for id in $(ls /run/czone-oci); do czone-oci delete --force $id; done"
        )
        vm.guest.run("rmdir /sys/fs/cgroup/libpod_parent/* /sys/fs/cgroup/libpod_parent")
        wait_for(lambda: vm.monitor.plugged() == 0, "QEMU has all memory back", 60)
        wait_for(lambda: vm.guest.traces() == self.before, f"traces as before\n{self.before}\n{vm.guest.traces()}", 30)

    def configure(self, text=""):
        vm.guest.sh(f"cat >{DEBIAN}/etc/containers/containers.conf <<'END'\n{text}{CONFIG}END\n")

    def podman(self, *words, flags="", status=0, before=""):
        done = vm.guest.run(f"{before}chroot {DEBIAN} {PODMAN} {flags} {' '.join(words)}")
        self.assertEqual(done.status, status, done.output)
        return done.output

    def podman_on_terminal(self, *words, typed):
        """On a terminal of 100 columns; returns what is on it then."""
        command = shlex.quote(f"stty cols 100 rows 30; {PODMAN} {' '.join(words)}")
        return vm.guest.sh(f"echo {typed} | chroot {DEBIAN} script --quiet --return --command {command} /dev/null")

    def assert_runs(self, flags, options):
        """One from run to its end, and one that goes on, in a zone; returns that."""
        end = f"--rootfs {SHARED}/rootfs sh -c"
        out = self.podman("run", "--rm", "--network none", *options, end, "'echo to stdout; exit 7'", flags=flags, status=7)
        self.assertEqual(out.splitlines()[0], "to stdout")
        self.podman("run", "--detach", "--name one", "--network none", *options, end, "'echo begun; exec sleep 1000'", flags=flags)
        (container,) = daemon.containers()
        daemon.wait_for_log(container["id"], "begun")
        self.assertEqual((container["state"], container["memory"]), ("running", SMALL))
        self.assertEqual(vm.monitor.plugged(), SMALL)
        verification = daemon.verify(container["zone"])
        self.assertEqual((verification["exclusive"], verification["user_elsewhere"]), (True, 0), verification)
        program = "sh -c 'cat; echo error >&2; exit 3'"
        out = self.podman("exec", "--interactive", "one", program, flags=flags, status=3, before="echo input | ")
        self.assertEqual(sorted(out.splitlines()), ["error", "input"])
        return container

    def assert_more_programs(self):
        # podman tells the size of its terminal when the program runs already.
        program = "sh -c 'read x; echo got $x; until stty size 2>/dev/null; do sleep 0.1; done'"
        out = self.podman_on_terminal("exec --interactive --tty one", program, typed="something")
        self.assertIn("30 100", out)
        self.assertIn("got something", out)
        self.podman("exec", "one", "no-such-program", status=127)

    def assert_ends(self):
        """What stands for the container goes on when czoned does not, and so podman learns how it ended."""
        vm.guest.sh(ZoneCase.KILL_CZONED)
        again(daemon.containers)
        # At the same time, since starting podman is what takes long.
        podman = f"chroot {DEBIAN} {PODMAN}"
        out = vm.guest.sh(f"{podman} logs --follow one & {podman} wait one & {podman} kill one >/dev/null; wait")
        self.assertEqual(sorted(out.split()), ["137", "begun"])
        self.podman("rm", "one")
        self.assertEqual(daemon.containers(), [])

    def test_the_native_launcher_runs_what_podman_is_told_to_leave_out(self):
        self.configure("[containers]\ndefault_sysctls = []\n")
        out = self.podman("run", "--rm", "--network none", f"--rootfs {SHARED}/rootfs", "true", status=126)
        self.assertIn("is not supported by the native launcher", out)
        unmask = "/sys/fs/selinux:/sys/dev/block"
        options = ("--cgroups=disabled", "--security-opt seccomp=unconfined", f"--security-opt unmask={unmask}")
        container = self.assert_runs("", options)
        self.assertNotIn("runtime", container)
        self.assert_more_programs()
        self.assert_ends()

    def test_crun_runs_all_that_podman_asks_for(self):
        self.configure()
        container = self.assert_runs("--runtime-flag runtime=crun", ())
        self.assertEqual(container["runtime"], "crun")
        self.podman("rm", "--force", "--time 0", "one", flags="--runtime-flag runtime=crun")
        self.assertEqual(daemon.containers(), [])


if __name__ == "__main__":
    unittest.main()
