# SPDX-License-Identifier: Apache-2.0
"""When a container ends, its whole zone goes back to the host, confirmed, and nobody else notices."""
import time
import unittest

from case import LARGE, SMALL, TENANT, ZoneCase
from czone import wait_for

# How many packets may wait for more before the kernel frees them, on a CPU (Documentation/admin-guide/sysctl/net.rst).
SKB_DEFER_MAX = "/proc/sys/net/core/skb_defer_max"
# So long a zone is left in quarantine: time for a try in vain.
QUARANTINED_SECONDS = 8


class Return(ZoneCase):
    def crowd(self):
        """Two containers on virtio-mem, two on pc-dimms, each filling 80 % of its zone."""
        names = [self.hold(size, 80) for size in (SMALL, SMALL, LARGE, LARGE)]
        for name in names:
            self.wait_ready(name)
        return names

    def assert_one_returns(self, name, neighbours, device):
        container = self.daemon.inspect(name)
        start, size = container["range_start"], container["range_size"]
        device_before = self.monitor.plugged_in(start, size)
        total_before = self.monitor.plugged()
        self.assertEqual(device_before, size)
        migrated_before = self.guest.vmstat("pgmigrate_success")

        self.daemon.kill(name, "TERM")
        ended = self.daemon.wait(name)
        self.assertEqual(ended["state"], "done")
        self.assertEqual(ended["exit_status"], 0)
        receipt = self.daemon.receipt(name)

        self.assertEqual(receipt["outcome"], "returned", receipt)
        self.assertEqual(receipt["host_device"], device)
        self.assertEqual((receipt["start"], receipt["size"]), (start, size))
        # The receipt's bytes are what QEMU's own figure fell by.
        self.assertEqual(receipt["host_bytes"], total_before - self.monitor.plugged())
        self.assertEqual(receipt["host_bytes"], size)
        self.assertEqual(self.monitor.plugged_in(start, size), 0)
        # Blocks of virtio-mem and dimms vanish once they are offline.
        self.assertNotIn("online", self.guest.blocks_in(start, size).values())
        self.assertNotIn(container["node"], self.guest.nodes())
        self.assertLess(self.guest.vmstat("pgmigrate_success") - migrated_before, 100)
        self.assertLess(receipt["migrated_pages"], 100)
        self.assertEqual(receipt["leftovers"], [])
        self.assertLessEqual(receipt["emptied_ns"], receipt["offline_ns"])
        self.assertLessEqual(receipt["offline_ns"], receipt["confirmed_ns"])
        for neighbour in neighbours:
            self.assert_unharmed(neighbour)

    def test_one_of_four_exits_on_virtio_mem_and_one_on_a_dimm(self):
        first, second, third, fourth = self.crowd()
        self.assert_one_returns(first, [second, third, fourth], "virtio-mem")
        self.assert_one_returns(third, [second, fourth], "pc-dimm")
        self.assert_one_returns(second, [fourth], "virtio-mem")
        self.assert_one_returns(fourth, [], "pc-dimm")

    def test_killed_containers_give_their_memory_back(self):
        for size in (SMALL, LARGE):
            with self.subTest(size=size):
                name = self.hold(size, 80)
                self.wait_ready(name)
                self.daemon.kill(name)
                container = self.daemon.wait(name)
                self.assertEqual(container["exit_signal"], 9)
                self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def test_the_same_node_serves_one_container_after_another(self):
        for _ in range(3):
            name = self.daemon.spawn(TENANT, "exercise", memory=SMALL)
            self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
            receipt = self.daemon.receipt(name)
            self.assertEqual(receipt["outcome"], "returned", receipt)
            self.assertEqual(receipt["host_bytes"], SMALL)
            self.daemon.remove(name)

    def test_file_cache_that_a_container_read_first_does_not_hold_its_zone(self):
        # The guest's root is a tmpfs, so page cache of a file system on a disk is made with a loop mount.
        self.guest.sh(
            "mkdir -p /mnt/shared && dd if=/dev/zero of=/tmp/disk bs=1M count=24 2>/dev/null && mke2fs -F /tmp/disk >/dev/null && "
            "mount -t ext2 -o loop /tmp/disk /mnt/shared && dd if=/dev/urandom of=/mnt/shared/file bs=1M count=16 2>/dev/null && "
            "sync && echo 3 >/proc/sys/vm/drop_caches"
        )
        try:
            self.before = self.guest.traces()
            name = self.daemon.spawn(
                "/bin/sh", "-c", "cat /mnt/shared/file >/dev/null; echo read; exec sleep 1000", memory=SMALL
            )
            self.daemon.wait_for_log(name, "read")
            container = self.daemon.inspect(name)
            stat = self.guest.numa_stat(self.guest.cgroup_of(container["pid"]))
            self.assertGreaterEqual(stat["file"][container["node"]], 16 << 20, "the cache is in the zone")
            self.daemon.kill(name)
            self.daemon.wait(name)
            receipt = self.daemon.receipt(name)
            self.assertEqual(receipt["outcome"], "returned", receipt)
            self.assertLess(receipt["migrated_pages"], 100)
            self.daemon.remove(name)
        finally:
            self.guest.sh("umount -d /mnt/shared; rm -f /tmp/disk")
            self.before = self.guest.traces()

    def test_nothing_of_a_container_that_is_gone_is_watched_any_more(self):
        """The kernel ends no watch when a cgroup is removed, and counts them all."""
        count = "cat /proc/$(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)/fdinfo/* | grep -c '^inotify wd:'; true"
        before = self.guest.sh(count)
        for _ in range(3):
            name = self.daemon.spawn("/bin/true", memory=SMALL)
            self.daemon.wait(name)
            self.daemon.remove(name)
        self.assertEqual(self.guest.sh(count), before)

    def test_without_a_host_the_zone_goes_offline_and_the_next_container_uses_it(self):
        name = self.hold(SMALL, 40)
        self.wait_ready(name)
        with self.without_host():
            self.daemon.kill(name)
            self.daemon.wait(name)
            receipt = self.daemon.receipt(name)
            self.assertEqual(receipt["outcome"], "offline", receipt)
            self.assertEqual(receipt["host_bytes"], 0)
            self.daemon.remove(name)
            name = self.daemon.spawn(TENANT, "exercise", memory=SMALL)
            self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
            self.daemon.remove(name)
        # The host that comes back is told to take what lies idle.
        wait_for(lambda: self.monitor.plugged() == 0, "idle memory is returned to the host that attaches", 30)

    def send_a_file(self):
        """A container writes a file into the guest's root, and sends it: its pages are the container's, and stay behind. Returns its id."""
        name = self.daemon.spawn(
            "/bin/sh",
            "-euc",
            "seq 20000 >/srv/www/numbers; httpd -p 127.0.0.1:8080 -h /srv/www; wget -q -O /dev/null http://127.0.0.1:8080/numbers; killall httpd",
            memory=SMALL,
            mounts=[{"type": "bind", "source": "/srv/www", "target": "/srv/www", "read_only": False}],
        )
        ended = self.daemon.wait(name)
        self.assertEqual(ended.get("exit_status"), 0, f"{ended}\n{self.daemon.logs(name)}")
        return name

    def test_pages_in_packets_that_the_kernel_frees_later_do_not_hold_the_zone(self):
        self.guest.sh("mkdir -p /srv/www")
        for _ in range(5):
            receipt = self.daemon.receipt(self.send_a_file())
            self.assertEqual(receipt["outcome"], "returned", receipt)

    def test_a_zone_in_quarantine_is_returned_when_what_held_it_is_gone(self):
        """What holds it is what czoned keeps away else: received packets that wait for more to come, on the CPU that made them."""
        self.guest.sh(f"mkdir -p /srv/www; echo 64 >{SKB_DEFER_MAX}")
        try:
            sent = (self.send_a_file() for _ in range(20))
            name = next((name for name in sent if self.daemon.receipt(name)["outcome"] != "returned"), None)
            self.assertIsNotNone(name, "no zone was held: does the kernel free packets at once whatever it is told?")
        finally:
            self.guest.sh(f"echo 0 >{SKB_DEFER_MAX}")
        [zone] = self.daemon.zones()["zones"]
        self.assertEqual(zone["state"], "quarantined")
        time.sleep(QUARANTINED_SECONDS)
        self.guest.sh("unshare -n sh -c 'ip link set lo up; for cpu in 1 2; do taskset $cpu ping -c 1 127.0.0.1; done'")
        wait_for(lambda: not self.daemon.zones()["zones"], lambda: f"no zone any more, but: {self.daemon.zones()['zones']}")
        self.assertEqual(self.monitor.plugged_in(zone["start"], zone["size"]), 0)
        # One of its container, when it would not empty, and one when it did, however often it was tried in between.
        outcomes = [receipt["outcome"] for receipt in self.daemon.receipts(name)]
        self.assertEqual(outcomes, ["quarantined", "returned"])


if __name__ == "__main__":
    unittest.main()
