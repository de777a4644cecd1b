# SPDX-License-Identifier: Apache-2.0
"""Thousands of containers come and go in random ways; afterwards nothing of them is left, in czoned, in the guest or on the host.

    CZONE_SOAK_CYCLES=5000 tests/vm test_soak     the whole one; without it as many as take some 40 s
    CZONE_SOAK_SEED=N                             the same cycles once more

What czoned has from malloc() is counted to the byte by guest/heap_count.c. It may keep what is bounded: the last 256 receipts and the
answers to the last 1,024 requests with a key. So it is looked at after half of the cycles, when a long soak has filled both, and at the end.
"""
import collections
import os
import random
import re
import tempfile
import threading
import time
import traceback
import unittest

import diagnosis
from case import MIB, ZoneCase, programs
from czone import HostDaemon, wait_for
from soak import LAYERS, NOT_A_PROGRAM, Cycle
from vm import BUILD, MicroVM
from wire import Connection

CYCLES = int(os.environ.get("CZONE_SOAK_CYCLES", "60"))
SEED = int(os.environ.get("CZONE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
WORKERS = 5
# Of the virtio-mem devices, one for each worker and one to spare; what is larger is a pc-dimm, and of those there are DIMMS: vhost-user has
# room for eight regions of memory.
ZONE = 384 * MIB
DEVICES = WORKERS + 1
DIMMS = 1
MAX_ZONE = 512 * MIB
KEYS, RECEIPTS = 1024, 256
# An answer to Spawn is some 450 bytes of JSON text and its key 10; a receipt's struct 600.
KEY_BYTES, RECEIPT_BYTES = 1024, 1024
# Texts of the receipts and answers differ in length from one cycle to another, by less than this each.
TEXT_BYTES = 64
# The allocator's own: what is free between blocks in use.
RESIDENT_SLACK = MIB
# czoned's: after so many seconds without a call a connection is idle; it serves 512, one of them czone-hostd's.
IDLE = 11
CONNECTIONS = 511

MAKE_LAYERS = f"""
rm -rf {LAYERS}; mkdir -p {LAYERS}/low/tmp {LAYERS}/high/etc; cp -a /bin /sbin /usr {LAYERS}/low/ 2>/dev/null; cp /etc/passwd {LAYERS}/high/etc/
echo no program >{LAYERS}/low{NOT_A_PROGRAM}; chmod 755 {LAYERS}/low{NOT_A_PROGRAM}
"""

TELL = 500
# A soak goes on for the sake of the others, but not for ever.
WRONG_MAX = 10

# Of an entry: a cgroup with its path, and the events of its keeper.
POOL_BLOCKS = 4
Figures = collections.namedtuple("Figures", "blocks bytes resident keys receipts fds watches keepers pool files")


class Soak(ZoneCase):
    @classmethod
    def setUpClass(cls):
        preload = cls.enterClassContext(tempfile.NamedTemporaryFile("w"))
        preload.write("/usr/lib/heap_count.so\n")
        preload.flush()
        add = {**programs(), os.path.join(BUILD, "tests", "libheap_count.so"): "/usr/lib/heap_count.so", preload.name: "/etc/ld.so.preload"}
        vm = cls.enterClassContext(MicroVM(zones=[f"{ZONE // MIB}M"] * DEVICES, dimm_nodes=DIMMS, memory="768M", add=add))
        cls.host = cls.enterClassContext(HostDaemon(vm, "--max-zone", str(MAX_ZONE), "--max-total", str(DEVICES * MAX_ZONE)))
        cls.use(vm)
        cls.lock = threading.Lock()
        cls.guest.sh(MAKE_LAYERS)

    def in_guest(self, script):
        """From any thread: there is one console."""
        with self.lock:
            return self.guest.sh(script)

    def figures(self):
        """What czoned has, while nobody asks it anything."""
        pid = int(self.in_guest("pidof czoned | tr ' ' '\\n' | sort -n | head -n 1"))
        blocks, size = map(int, self.in_guest("od -A n -t d8 /run/heap").split())
        resident = int(self.in_guest(f"awk '/^VmRSS/ {{ print $2 }}' /proc/{pid}/status")) * 1024
        fds = collections.Counter(re.sub(r"[0-9]+", "N", line) for line in self.in_guest(f"cd /proc/{pid}/fd; for fd in *; do readlink $fd; done").splitlines())
        watches = int(self.in_guest(f"cat /proc/{pid}/fdinfo/* | grep -c '^inotify wd:'; true"))
        keepers = int(self.in_guest("for p in $(pidof czone-keeper); do grep czone/daemon /proc/$p/cgroup; done | wc -l"))
        keys, receipts = (int(n) for n in self.in_guest("cd /run/czone; cat keys | wc -l; cat receipts | wc -l").split())
        pool = int(self.in_guest("find /sys/fs/cgroup/czone -name 'pool-*' | wc -l"))
        # Where idle keepers wait, one for each cgroup of the pool, there is a name for each.
        files = self.in_guest("cd /run/czone; find . -not -path './czoned.keepers/keeper.*' | sort").split()
        waiting = int(self.in_guest("find /run/czone/czoned.keepers -name 'keeper.*' | wc -l"))
        self.assertEqual(waiting, pool)
        return Figures(blocks, size, resident, min(keys, KEYS), min(receipts, RECEIPTS), fds, watches, keepers, pool, files)

    def host_figures(self):
        fds = os.listdir(f"/proc/{self.host.process.pid}/fd")
        with open(f"/proc/{self.host.process.pid}/status", encoding="ascii") as status:
            return len(fds), int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024

    def cycles(self, first, last):
        """Runs these, on all workers, and returns the names of what a cycle may leave, and what went wrong."""
        numbers = iter(range(first, last))
        wrong, taking = [], threading.Lock()
        large = threading.Semaphore(DIMMS)

        def work():
            while len(wrong) < WRONG_MAX:
                with taking:
                    number = next(numbers, None)
                if number is None:
                    return
                # Of its own, so that a cycle is the same whatever the others do.
                cycle = Cycle(self.vm.address, number, random.Random(f"{SEED} {number}"), large, self.in_guest)
                begun = time.monotonic()
                try:
                    cycle.run()
                except Exception as error:
                    print(f"soak: cycle {number}, {cycle.way}: {error}", flush=True)
                    wrong.append(f"cycle {number} ({cycle.way}, {cycle.memory} bytes):\n{traceback.format_exc()}")
                    if len(wrong) == 1:
                        self.diagnose()
                if number % TELL == 0:
                    print(f"soak: {number} of {CYCLES}", flush=True)
                self.ways[cycle.way] += 1
                self.seconds[cycle.way] += time.monotonic() - begun

        threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [], f"CZONE_SOAK_SEED={SEED}")
        for container in self.daemon.containers():
            self.assertIn(int(container["id"].removeprefix("soak")), range(first, last))
            self.daemon.remove(container["id"], force=True)

    def diagnose(self):
        """Of the first failure, while it is fresh: what comes after it is mostly its consequence."""
        with self.lock:
            print(diagnosis.of(self.vm), flush=True)

    def flush_connections(self):
        """vhost-device-vsock does not tell the guest when a peer closes that had not read all, as one does that is killed: such a connection is idle
        to czoned, and makes room when there is none."""
        time.sleep(IDLE)
        connections = [Connection(self.vm.address) for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.call("org.varlink.service.GetInfo")
            connection.close()
        time.sleep(1)

    def settle(self, start):
        wait_for(lambda: self.monitor.plugged() == 0, "QEMU has all memory back", 60)
        wait_for(lambda: self.guest.traces() == self.before, lambda: f"traces as before\n{self.before}\n{self.guest.traces()}", 30)
        time.sleep(1)
        figures = self.figures()
        # One to each idle keeper, and one to each process that stands by.
        if figures.fds["socket:[N]"] - figures.keepers - figures.pool > start.fds["socket:[N]"] - start.keepers - start.pool:
            self.flush_connections()
            figures = self.figures()
        return figures

    def test_nothing_is_left_of_many_containers(self):
        self.ways, self.seconds = collections.Counter(), collections.Counter()
        print(f"soak: {CYCLES} cycles, CZONE_SOAK_SEED={SEED}", flush=True)
        start, begun = self.figures(), time.monotonic()
        self.cycles(0, CYCLES // 2)
        half, host_half = self.settle(start), self.host_figures()
        self.cycles(CYCLES // 2, CYCLES)
        seconds = time.monotonic() - begun
        end, host_end = self.settle(start), self.host_figures()
        print(f"soak: {CYCLES / seconds:.1f} a second; " + ", ".join(
            f"{way} {n} ({self.seconds[way] / n:.1f} s)" for way, n in sorted(self.ways.items())))
        for name, figures in ("before", start), ("half-way", half), ("at the end", end):
            print(
                f"soak: {name}: malloc {figures.blocks} blocks, {figures.bytes} bytes; resident {figures.resident // 1024} KiB; {figures.keys} keys, "
                f"{figures.receipts} receipts; {sum(figures.fds.values())} fds; {figures.keepers} keepers, {figures.pool} in the pool", flush=True
            )
        print(f"soak: czone-hostd half-way and at the end: fds {host_half[0]}, {host_end[0]}; resident {host_half[1] // 1024}, {host_end[1] // 1024} KiB", flush=True)
        self.assert_no_more(start, half, end)
        self.assertEqual(host_end[0], host_half[0])
        self.assertLess(host_end[1], host_half[1] + RESIDENT_SLACK)

    def assert_no_more(self, start, half, end):
        kept = (end.keys - half.keys) * KEY_BYTES + (end.receipts - half.receipts) * RECEIPT_BYTES
        texts = (end.keys + end.receipts) * TEXT_BYTES
        self.assertLessEqual(end.bytes, half.bytes + kept + texts)
        # A key's entry is two blocks, its text and itself; a receipt's as well, with what was left over. The pool grows with the load.
        grown = max(end.pool - half.pool, 0) + max(end.keepers - half.keepers, 0)
        self.assertLessEqual(
            end.blocks, half.blocks + 2 * (end.keys - half.keys) + 2 * (end.receipts - half.receipts) + POOL_BLOCKS * grown + WORKERS
        )
        self.assertLessEqual(end.resident, half.resident + kept + RESIDENT_SLACK)
        self.assertEqual(end.files, start.files)
        self.assertEqual(end.watches, start.watches)
        # The pools of idle keepers and cgroups grow with the load; and the cgroup of helper processes is opened when one is needed first.
        more, pool = end.keepers - start.keepers, end.pool - start.pool
        may = collections.Counter({"socket:[N]": more + pool, "anon_inode:[pidfd]": more, "/sys/fs/cgroup/czone/.helper": 1})
        may["/sys/fs/cgroup/czone/pool-N"] = pool
        self.assertEqual(end.fds - start.fds - may, collections.Counter())


if __name__ == "__main__":
    unittest.main()
