# SPDX-License-Identifier: Apache-2.0
"""While containers run, every zone holds its container's memory, all of it, and nobody else's. By the kernel's own numbers."""
import os
import re
import time
import unittest

from case import LARGE, SMALL, TENANT, ZONE, ZoneCase
from czone import wait_for
from guest import CHARGE_BATCH, PAGE


class Exclusive(ZoneCase):
    def slack(self, node):
        """By how much a node's used memory and its container's charge may differ though nobody else is there: the node's counters
        lag by a threshold per CPU, the cgroup's by a batch per CPU."""
        listed, drift = self.guest.per_cpu(node)
        return listed, drift + self.guest.cpus() * CHARGE_BATCH * PAGE

    def assert_exclusive(self, name, zone_nodes):
        container = self.daemon.inspect(name)
        node = container["node"]
        stat = self.guest.numa_stat(self.guest.cgroup_of(container["pid"]))
        user = {n: stat["anon"].get(n, 0) + stat["file"].get(n, 0) for n in set(stat["anon"]) | set(stat["file"])}
        self.assertGreaterEqual(user[node] / sum(user.values()), 0.995, f"{name} on node {node}: {user}")
        for other in zone_nodes - {node}:
            self.assertEqual(user.get(other, 0), 0, f"{name} of node {node} has pages on node {other}")
        # anon covers processes' memory, file the tmpfs files.
        self.assertGreater(stat["anon"][node], container["memory"] * 0.45)
        self.assertGreater(stat["file"][node], container["memory"] * 0.25)

        meminfo = self.guest.node_meminfo(node)
        listed, slack = self.slack(node)
        foreign = meminfo["MemUsed"] - listed - user[node]
        self.assertLessEqual(abs(foreign), slack, f"{foreign} bytes of node {node} are not {name}'s; {meminfo}")
        return container

    def test_four_containers_fill_80_percent_of_their_zones_at_once(self):
        names = [self.hold(size, 80) for size in (SMALL, SMALL, LARGE, LARGE)]
        for name in names:
            self.wait_ready(name)
        nodes = {self.daemon.inspect(name)["node"] for name in names}
        self.assertEqual(len(nodes), 4, "every container has a node of its own")
        for name in names:
            container = self.assert_exclusive(name, nodes)
            verification = self.daemon.verify(container["zone"])
            self.assertTrue(verification["exclusive"], verification)
            self.assert_unharmed(name)

    def test_verify_notices_a_foreign_page(self):
        name = self.hold(SMALL, 20)
        self.wait_ready(name)
        container = self.daemon.inspect(name)
        node = container["node"]
        # Somebody outside takes memory on the container's node, because its cgroup allows no other.
        self.guest.sh(
            "echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control; mkdir /sys/fs/cgroup/intruder && "
            f"echo {node} >/sys/fs/cgroup/intruder/cpuset.mems && "
            f"sh -c 'echo $$ >/sys/fs/cgroup/intruder/cgroup.procs; exec setsid {TENANT} sit 33554432' >/tmp/intruder 2>&1 &\n"
            "for i in $(seq 200); do grep -q ready /tmp/intruder && exit; sleep 0.1; done; cat /tmp/intruder; exit 1"
        )
        try:
            verification = self.daemon.verify(container["zone"])
            self.assertFalse(verification["exclusive"], verification)
            self.assertGreater(verification["foreign"], 33554432 - verification["slack"])
        finally:
            self.guest.sh(
                "echo 1 >/sys/fs/cgroup/intruder/cgroup.kill; rm -f /tmp/intruder\n"
                "until rmdir /sys/fs/cgroup/intruder; do sleep 0.1; done"
            )

    def test_the_zone_is_one_contiguous_run_of_blocks_on_its_node(self):
        name = self.hold(SMALL, 20)
        self.wait_ready(name)
        container = self.daemon.inspect(name)
        self.assertEqual(container["range_size"], SMALL)
        blocks = self.guest.blocks_in(container["range_start"], container["range_size"])
        block_size = SMALL // len(blocks)
        self.assertEqual(block_size, self.daemon.zones()["block_size"])
        self.assertEqual(set(blocks.values()), {"online"})
        for block in blocks:
            self.guest.sh(f"test -e /sys/devices/system/node/node{container['node']}/memory{block}")
        self.assertEqual(self.guest.node_meminfo(container["node"])["MemTotal"], SMALL)

    def test_a_cgroup_made_ahead_may_use_a_free_node_which_nothing_does_before_its_container(self):
        """That saves the start a write that takes long. Then the zone is placed there."""
        root = self.small_root()
        with self.without_host():
            for zone in ("zone1", "zone2", "zone3"):
                start = self.plug(zone, SMALL)
                wait_for(lambda: self.states(start, SMALL) == {"online"}, "the kernel has put it online", 30)
            # The next that is made finds the nodes.
            self.daemon.remove(self.daemon.spawn("/bin/true", memory=SMALL), force=True)
            wait_for(lambda: not self.daemon.zones()["zones"], "its zone is offline", 30)
            self.guest.sh("cd /sys/devices/system/memory; for b in memory*[0-9]; do [ $(cat $b/state) = online ] || echo online_movable >$b/state; done")
            wait_for(self.open_nodes, "a cgroup made ahead may use a node")
            time.sleep(2)  # no more are made
            ahead = self.open_nodes()
            for cgroup, node in ahead.items():
                self.assertEqual(self.guest.numa_stat(cgroup)["anon"][node], 0)
                # Even if the home node were full.
                policies = {line.split()[1] for line in self.guest.sh(f"cat /proc/$(cat {cgroup}/cgroup.procs)/numa_maps").splitlines()}
                self.assertEqual(policies, {"bind=static:0"})
            name = self.daemon.spawn("/bin/sh", "-c", "echo ready; exec sleep 1000", root=root, memory=SMALL)
            self.wait_ready(name)
            container = self.daemon.inspect(name)
            self.assertEqual(ahead.get(self.guest.cgroup_of(container["pid"])), container["node"])
            self.assertTrue(self.daemon.verify(container["zone"])["exclusive"])
            self.daemon.remove(name, force=True)

    def small_root(self):
        """Of a shell and nothing else: with a root of its own what stands by can be a container."""
        self.guest.sh("mkdir -p /srv/small/bin /srv/small/proc /srv/small/dev /srv/small/sys && cp /bin/busybox /srv/small/bin/sh")
        return "/srv/small"

    def open_nodes(self):
        """{a cgroup that waits for a container: the node that it may use besides the home node, which is the first}"""
        pools = self.guest.sh("grep -l '^1$' /sys/fs/cgroup/*/pool-*/pids.max; true").split()
        last = {os.path.dirname(path): int(re.split("[,-]", self.guest.read(f"{os.path.dirname(path)}/cpuset.mems"))[-1]) for path in pools}
        return {cgroup: node for cgroup, node in last.items() if node > 0}

    def test_what_stood_by_runs_who_waited_for_memory_or_was_held_until_start(self):
        root = self.small_root()
        for hold in (False, True):
            with self.subTest(hold=hold):
                self.assertEqual(self.monitor.plugged(), 0)
                wait_for(self.standbys, "processes stand by")
                time.sleep(2)  # no more do
                ahead = self.standbys()
                name = self.daemon.spawn("/bin/sh", "-c", "echo ready; exec sleep 1000", root=root, memory=SMALL, hold=hold)
                if hold:
                    self.daemon.wait(name, until="created")
                    self.daemon.call("io.czone.Container.Start", id=name)
                self.wait_ready(name)
                container = self.daemon.inspect(name)
                self.assertIn(container["pid"], ahead)
                self.assertTrue(self.daemon.verify(container["zone"])["exclusive"])
                self.daemon.remove(name, force=True)
                wait_for(lambda: self.monitor.plugged() == 0, "QEMU has all memory back")

    def standbys(self):
        """Processes that wait to be a container's first."""
        return [int(pid) for pid in self.guest.sh("cd /proc; grep -lx czone-standby [0-9]*/comm 2>/dev/null | cut -d / -f 1; true").split()]

    def test_of_a_node_that_has_more_online_a_smaller_zone_takes_its_part_only(self):
        """The rest goes offline before the container starts, which needs a helper, and a standby that is not told too early."""
        with self.without_host():
            start = self.plug("zone1", ZONE)
            wait_for(lambda: self.states(start, ZONE) == {"online"}, "the kernel has put it online", 30)
            name = self.hold(SMALL // 2, 20)
            self.wait_ready(name)
            container = self.daemon.inspect(name)
            self.assertEqual(self.guest.node_meminfo(container["node"])["MemTotal"], SMALL // 2)
            self.assert_unharmed(name)
            self.daemon.remove(name, force=True)

    def test_pipes_processes_threads_tmpfs_and_mapped_files_work(self):
        name = self.daemon.spawn(TENANT, "exercise", memory=SMALL)
        container = self.daemon.wait(name)
        self.assertEqual(container["exit_status"], 0, self.daemon.logs(name))
        self.assertEqual(self.daemon.logs(name), "exercised\n")

    def test_a_container_that_wants_too_much_is_killed_inside_its_own_limit(self):
        neighbour = self.hold(SMALL, 80)
        self.wait_ready(neighbour)
        name = self.daemon.spawn(TENANT, "overflow", str(SMALL), memory=SMALL)
        container = self.daemon.wait(name)
        self.assertTrue(container["oom_killed"], container)
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")
        self.assert_unharmed(neighbour)


if __name__ == "__main__":
    unittest.main()
