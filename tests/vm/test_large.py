# SPDX-License-Identifier: Apache-2.0
"""A zone of more memory than the virtio-mem driver adds ahead of its being online (1 GiB) comes and goes like any other."""
import unittest

from case import TENANT, programs
from czone import Daemon, HostDaemon, wait_for
from vm import MicroVM

GIB = 1 << 30
SIZE = 5 * GIB // 2


class Large(unittest.TestCase):
    def test_a_zone_of_two_and_a_half_gib(self):
        with MicroVM(zones=["2560M"], memory="640M", add=programs()) as vm:
            daemon = Daemon(vm.address)
            with HostDaemon(vm, "--max-zone", str(SIZE), "--max-total", str(SIZE)):
                wait_for(lambda: daemon.zones()["host_attached"], "the host attaches", 30)
                name = daemon.spawn(TENANT, "hold", str(SIZE // 20), str(SIZE // 40), memory=SIZE)
                daemon.wait_for_log(name, "ready")
                self.assertEqual(vm.monitor.plugged(), SIZE)
                daemon.kill(name)
                daemon.wait(name)
                receipt = daemon.receipt(name)
                self.assertEqual((receipt["outcome"], receipt["host_bytes"]), ("returned", SIZE), receipt)
                self.assertEqual(vm.monitor.plugged(), 0)


if __name__ == "__main__":
    unittest.main()
