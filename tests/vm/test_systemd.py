# SPDX-License-Identifier: Apache-2.0
"""Under a real systemd, by the units as they are installed: neither `systemctl restart` nor a crash of czoned loses a container."""
import os
import subprocess
import tempfile
import time
import unittest

from case import MIB, TENANT, again
from czone import Daemon, HostDaemon, wait_for
from vm import BUILD, PROJECT, MicroVM, script

ZONE = 256 * MIB
SUITE = "bookworm"
# systemd, and what czoned and czonectl are linked with.
PACKAGES = ["systemd", "systemd-sysv", "libcgroup2", "libevent-core-2.1-7", "libjansson4", "libnl-3-200", "libnl-route-3-200", "libseccomp2"]
INSTALLED = ["sbin/czoned", "libexec/czone/czone-keeper", "bin/czonectl", "lib/systemd/system/czoned.service", "lib/systemd/system/czoned.socket"]
INSTALLED += ["lib/tmpfiles.d/czone.conf", "lib/modules-load.d/czone.conf"]
# The channel of guest.py, and a word on the console when czoned answers.
UNITS = {
    "test-console.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/etc/console.serve\nRestart=always\n",
    "test-ready.service": "[Unit]\nAfter=czoned.service\nRequires=czoned.service\n[Service]\nType=oneshot\n"
    "ExecStart=/bin/sh -c 'czonectl info && echo microvm: ready >/dev/console'\n",
}


def overlay(directory):
    """{path here: path in the initramfs} of what is laid over the system on the disk."""
    environment = {**os.environ, "DESTDIR": directory}
    subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr/local"], env=environment, check=True, stdout=subprocess.DEVNULL)
    files = {os.path.join(directory, "usr/local", path): f"/overlay/usr/local/{path}" for path in INSTALLED}
    for name, text in UNITS.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
        files[os.path.join(directory, name)] = f"/overlay/etc/systemd/system/{name}"
    files[os.path.join(PROJECT, "examples/microvm/guest/console.serve")] = "/overlay/etc/console.serve"
    files[os.path.join(BUILD, "tests", os.path.basename(TENANT))] = "/overlay" + TENANT
    return files


class Systemd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        wants = " ".join(f"systemd.wants={unit}" for unit in ("czoned.service", *UNITS))
        began = time.monotonic()
        cls.vm = MicroVM(
            zones=["256M"] * 2,
            memory="768M",
            disks=[script("rootfs", SUITE, *PACKAGES)],
            modules=["ext4"],
            build=None,
            add=overlay(directory),
            # No getty: it is of Type=idle, so for some five seconds it is a fork of systemd that holds czoned's sockets open, and who stops
            # and starts czoned.socket meanwhile is told that its address is in use.
            append=f"czone.root=/dev/vda systemd.show_status=0 systemd.mask=getty.target {wants}",
        )
        cls.enterClassContext(cls.vm)
        print(f"systemd: czoned answered {time.monotonic() - began:.0f} s after the VM was made", flush=True)
        cls.enterClassContext(HostDaemon(cls.vm, "--max-zone", str(ZONE), "--max-total", str(2 * ZONE)))
        cls.guest = cls.vm.guest
        cls.daemon = Daemon(cls.vm.address)
        cls.wait_for_host()

    @classmethod
    def wait_for_host(cls):
        wait_for(lambda: again(cls.daemon.zones)["host_attached"], "host attached", 60)

    def tearDown(self):
        for container in self.daemon.containers():
            self.daemon.remove(container["id"], force=True)

    def show(self, name):
        return self.guest.sh(f"systemctl show --property={name} --value czoned.service").strip()

    def hold(self):
        name = self.daemon.spawn(TENANT, "hold", str(64 * MIB), str(32 * MIB), memory=ZONE)
        self.daemon.wait_for_log(name, "ready")
        return name

    def expect_unharmed(self, name, times, pid):
        container = self.daemon.inspect(name)
        self.assertEqual((container["state"], container["pid"]), ("running", pid))
        self.daemon.kill(name, "USR1")
        self.daemon.wait_for_log(name, f"intact {times}")

    def expect_end(self, name):
        self.daemon.kill(name, "TERM")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def test_a_restart_loses_no_container_and_refuses_no_connection(self):
        name = self.hold()
        pid, main = self.daemon.inspect(name)["pid"], self.show("MainPID")
        self.guest.sh("systemctl restart --no-block czoned.service")
        # Without a retry: systemd holds the sockets.
        wait_for(lambda: self.daemon.zones() and self.show("MainPID") not in (main, "0"), "another czoned", 60)
        wait_for(lambda: self.show("ActiveState") == "active", "the service is active", 60)
        self.wait_for_host()
        self.expect_unharmed(name, 1, pid)
        self.expect_end(name)

    def test_a_crash_loses_no_container(self):
        name = self.hold()
        pid, main = self.daemon.inspect(name)["pid"], self.show("MainPID")
        self.guest.sh(f"kill -KILL {main}")
        wait_for(lambda: self.show("MainPID") not in (main, "0") and self.show("ActiveState") == "active", "started anew", 60)
        self.wait_for_host()
        self.expect_unharmed(name, 1, pid)
        self.expect_end(name)

    def test_a_stop_leaves_containers_to_the_next_start(self):
        name = self.hold()
        pid = self.daemon.inspect(name)["pid"]
        self.guest.sh("systemctl stop czoned.socket czoned.service")
        self.assertEqual(self.show("ActiveState"), "inactive")
        self.guest.sh(f"kill -0 {pid}")
        self.guest.sh("systemctl start czoned.service")
        self.wait_for_host()
        self.expect_unharmed(name, 1, pid)
        self.expect_end(name)

    def test_its_cgroups_are_its_own_and_it_is_supervised_all_the_same(self):
        main = self.show("MainPID")
        self.assertEqual(self.guest.sh(f"cat /proc/{main}/cgroup"), "0::/czone/daemon\n")
        self.assertEqual(self.show("NotifyAccess"), "main")
        self.assertNotEqual(self.show("WatchdogTimestampMonotonic"), "0")


if __name__ == "__main__":
    unittest.main()
