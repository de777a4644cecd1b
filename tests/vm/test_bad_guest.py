# SPDX-License-Identifier: Apache-2.0
"""Guests that cannot have zones. Each boots a VM of its own."""
import subprocess
import unittest

from case import SMALL, programs
from czone import Daemon, HostDaemon, wait_for
from wire import VarlinkError
from vm import MicroVM

CONTAINER = "io.czone.Container."


def failure_of(daemon, memory=SMALL):
    """Spawns and returns (error id, message) of the refusal, however it came."""
    try:
        name = daemon.spawn("/bin/true", memory=memory)
    except VarlinkError as refusal:
        return refusal.error, refusal.parameters["message"]
    container = daemon.wait(name, timeout=120)
    if container["state"] != "failed":
        raise AssertionError(f"the container was started: {container}")
    daemon.remove(name)
    return container["failure"]["id"], container["failure"]["message"]


class BadGuest(unittest.TestCase):
    def test_a_kernel_without_virtio_mem(self):
        with MicroVM(zones=["384M"], append="czone.without=virtio_mem", add=programs()) as vm:
            with HostDaemon(vm):
                daemon = Daemon(vm.address)
                wait_for(lambda: daemon.zones()["host_attached"], "the host attaches", 30)
                before = vm.guest.traces()
                error, message = failure_of(daemon)
                self.assertIn(error, (CONTAINER + "HostRefused", CONTAINER + "HostFailed"))
                self.assertIn("virtio_mem", message)
                wait_for(lambda: vm.guest.traces() == before, "nothing is left", 10)
                self.assertEqual(vm.monitor.plugged(), 0)

    def test_no_second_node_names_the_missing_qemu_flags(self):
        with MicroVM() as vm:
            with HostDaemon(vm):
                daemon = Daemon(vm.address)
                wait_for(lambda: daemon.zones()["host_attached"], "the host attaches", 30)
                before = vm.guest.traces()
                error, message = failure_of(daemon)
                self.assertEqual(error, CONTAINER + "NoZoneNode")
                for flag in ("-numa", "maxcpus"):
                    self.assertIn(flag, message)
                self.assertEqual(vm.guest.traces(), before)

    def test_only_cgroup_v1(self):
        vm = MicroVM(zones=["384M"], append="czone.cgroup=v1")
        self.addCleanup(vm.stop)
        # czoned does not start, says why, and the guest counts as not started.
        with self.assertRaises(subprocess.CalledProcessError):
            vm.start()
        console = vm.console()
        # Newer kernels have no v1 cpuset at all, so that nothing is mounted there.
        self.assertRegex(console, r"czoned: .*cgroup v2.*mount -t cgroup2")
        self.assertRegex(console, "czoned ended with status [1-9]")


if __name__ == "__main__":
    unittest.main()
