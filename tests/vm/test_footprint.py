# SPDX-License-Identifier: Apache-2.0
"""What czoned itself costs: resident memory with 0 and 50 containers, its keepers', the size of its binary, wake-ups when idle."""
import collections
import os
import re
import subprocess
import tempfile
import time
import unittest

from case import programs
from czone import Daemon, wait_for
from vm import BUILD, MicroVM

MIB = 1 << 20
BLOCK = 128 * MIB
CONTAINERS = 50
# Bounds that a change for the worse breaks; the figures themselves are printed.
RESIDENT_MAX = 8 * MIB
PER_CONTAINER_MAX = 64 * 1024
KEEPER_MAX = 512 * 1024
BINARY_MAX = MIB
IDLE_SECONDS = 10


def binary_size():
    """As a distribution ships it: debug information is a file of its own there."""
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, os.path.join(BUILD, "agent", "guest", "czoned")], check=True)
        return os.path.getsize(stripped.name)


class Footprint(unittest.TestCase):
    def resident(self, vm):
        return int(vm.guest.sh("awk '/^VmRSS/ { print $2 }' /proc/$(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)/status")) * 1024

    def switches(self, vm):
        """{pid: times} that czoned's processes and its keepers have been put to run; a process that sleeps adds none."""
        text = vm.guest.sh("for p in $(pidof czoned) $(pidof czone-keeper); do cat /proc/$p/status; done")
        times = collections.Counter()
        for pid, voluntary, forced in re.findall(r"^Pid:\s+(\d+)$.*?\s(\d+)\nnonvol\S+\s+(\d+)$", text, re.MULTILINE | re.DOTALL):
            times[pid] = int(voluntary) + int(forced)
        return times

    def wake_ups(self, vm):
        """In IDLE_SECONDS in which czoned's pools stay as they are: they shrink after a quiet minute, which wakes who is ended."""
        while True:
            before = self.switches(vm)
            self.assertGreater(len(before), 1)
            time.sleep(IDLE_SECONDS)
            after = self.switches(vm)
            if before.keys() == after.keys():
                return sum((after - before).values())

    def keepers(self, vm):
        """What they have for themselves, together: pages that keepers share are counted once."""
        return int(vm.guest.sh("for p in $(pidof czone-keeper); do cat /proc/$p/smaps_rollup; done | awk '/^Pss:/ { n += $2 } END { print n }'")) * 1024

    def plug(self, vm):
        """One dimm per node, by hand: a vhost-user backend has room for eight shared memory regions, and czone-hostd's are shared."""
        for node in range(1, CONTAINERS + 1):
            vm.monitor.execute("object-add", **{"qom-type": "memory-backend-ram", "id": f"memory{node}", "size": BLOCK})
            vm.monitor.execute("device_add", driver="pc-dimm", id=f"dimm{node}", memdev=f"memory{node}", node=node)
        blocks = CONTAINERS + len([b for b in vm.guest.blocks_in(0, 1 << 32)])
        wait_for(lambda: len(vm.guest.blocks()) == blocks, f"the guest has {blocks} blocks")

    def test_memory_binary_and_wakeups(self):
        with MicroVM(dimm_nodes=CONTAINERS, memory="1G", add=programs()) as vm:
            daemon = Daemon(vm.address)
            empty = self.resident(vm)
            idle = self.wake_ups(vm)

            self.plug(vm)
            names = [daemon.spawn("/bin/sleep", "100000", memory=BLOCK) for _ in range(CONTAINERS)]
            for name in names:
                daemon.wait_for_state(name, "running", 120)
            full = self.resident(vm)
            keeper = self.keepers(vm) / CONTAINERS
            idle_full = self.wake_ups(vm)
            for name in names:
                daemon.remove(name, force=True)
            after = self.resident(vm)
        binary = binary_size()
        print(
            f"czoned: resident {empty // 1024} KiB with 0 containers, {full // 1024} KiB with {CONTAINERS}, {after // 1024} KiB after; "
            f"{keeper / 1024:.0f} KiB for each container's keeper; binary {binary // 1024} KiB; wake-ups in {IDLE_SECONDS} s idle: {idle} with 0, {idle_full} with {CONTAINERS}",
            flush=True,
        )
        self.assertEqual(idle, 0)
        self.assertEqual(idle_full, 0)
        self.assertLess(empty, RESIDENT_MAX)
        self.assertLess((full - empty) / CONTAINERS, PER_CONTAINER_MAX)
        self.assertLess(keeper, KEEPER_MAX)
        self.assertLess(binary, BINARY_MAX)


if __name__ == "__main__":
    unittest.main()
