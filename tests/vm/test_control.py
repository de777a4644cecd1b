# SPDX-License-Identifier: Apache-2.0
"""Containers that run are stopped, limited and watched; what is told of them is what the kernel's files say."""
import contextlib
import json
import re
import time
import unittest

from case import MIB, SMALL, TENANT, ZoneCase
from wire import Connection, VarlinkError

# A program that goes on whatever asks it to end.
STUBBORN = ("sh", "-c", "trap 'echo asked' TERM INT; echo ready; while :; do sleep 0.2; done")
BUSY = ("sh", "-c", "echo ready; while :; do :; done")
SIGKILL = 9


class Control(ZoneCase):
    def start(self, *args, **parameters):
        name = self.daemon.spawn(*args, memory=SMALL, **parameters)
        self.daemon.wait_for_log(name, "ready")
        return name

    def cgroup(self, name):
        return self.guest.cgroup_of(self.daemon.inspect(name)["pid"])

    def keyed(self, path):
        """A file of lines "key number" as a dictionary."""
        return {key: int(value) for key, value in (line.split() for line in self.guest.read(path).splitlines())}

    def stats(self, name):
        stats = self.daemon.call("io.czone.Container.Stats", id=name)["stats"]
        self.assertEqual([entry["id"] for entry in stats], [name])
        return stats[0]

    def stop(self, name, **parameters):
        return self.daemon.call("io.czone.Container.Stop", id=name, **parameters)["container"]

    def update(self, name, **parameters):
        return self.daemon.call("io.czone.Container.Update", id=name, **parameters)["limits"]

    @contextlib.contextmanager
    def events(self):
        """Gives a function that reads events until one has a name, and returns all of them."""
        with Connection(self.vm.address, timeout=60) as connection:
            connection.request("io.czone.Monitor.Subscribe", more=True)
            connection.reply()

            def until(name):
                seen = []
                while not seen or seen[-1]["event"] != name:
                    seen.append(connection.reply()["event"])
                return seen

            yield until

    # Stop.

    def test_a_program_that_heeds_TERM_ends_by_itself(self):
        name = self.hold(SMALL, 10)
        self.wait_ready(name)
        container = self.stop(name, grace_ms=30000)
        self.assertEqual(container.get("exit_status"), 0, container)

    def test_a_program_that_ignores_TERM_is_killed_when_its_grace_is_over(self):
        name = self.start(*STUBBORN)
        begun = time.monotonic()
        container = self.stop(name, grace_ms=1500)
        self.assertGreaterEqual(time.monotonic() - begun, 1.5)
        self.assertEqual(container.get("exit_signal"), SIGKILL, container)
        self.assertEqual(self.stop(name)["id"], name, "a container that has ended is stopped")

    def test_the_shortest_grace_of_two_counts_and_both_are_answered(self):
        name = self.start(*STUBBORN)
        with Connection(self.vm.address) as patient:
            patient.request("io.czone.Container.Stop", {"id": name, "grace_ms": 600000})
            self.assertEqual(self.stop(name, grace_ms=500)["exit_signal"], SIGKILL)
            self.assertEqual(patient.reply()["container"]["exit_signal"], SIGKILL)

    def test_a_stop_goes_on_when_its_caller_has_gone(self):
        name = self.start(*STUBBORN)
        with Connection(self.vm.address) as connection:
            connection.request("io.czone.Container.Stop", {"id": name, "grace_ms": 5000})
            self.daemon.wait_for_log(name, "asked")
        self.assertEqual(self.daemon.wait(name, until="exited")["exit_signal"], SIGKILL)

    def test_the_signal_is_the_caller_s_choice_and_zero_grace_kills(self):
        name = self.start("sh", "-c", "trap 'exit 3' INT; echo ready; while :; do sleep 0.1; done")
        self.assertEqual(self.stop(name, signal="SIGINT")["exit_status"], 3)
        name = self.start(*STUBBORN)
        self.assertEqual(self.stop(name, grace_ms=0)["exit_signal"], SIGKILL)

    def test_czonectl_stop(self):
        name = self.start(*STUBBORN)
        self.ctl.text("stop", "--time", "1", name)
        self.assertEqual(self.daemon.wait(name, until="exited")["exit_signal"], SIGKILL)

    # Update.

    def test_limits_are_the_kernel_s_at_once(self):
        name = self.start(*STUBBORN)
        cgroup = self.cgroup(name)
        limits = self.update(name, memory=100 * MIB, pids=7, cpu_weight=50, cpu_quota=250)
        self.assertEqual(limits, {"memory": 100 * MIB, "pids": 7, "cpu_weight": 50, "cpu_quota": 250})
        self.assertEqual(self.guest.read(f"{cgroup}/memory.max"), str(100 * MIB))
        self.assertEqual(self.guest.read(f"{cgroup}/pids.max"), "7")
        self.assertEqual(self.guest.read(f"{cgroup}/cpu.weight"), "50")
        self.assertEqual(self.guest.read(f"{cgroup}/cpu.max"), "25000 100000")
        self.assertEqual(self.update(name, cpu_quota=0), {"memory": 100 * MIB, "pids": 7, "cpu_weight": 50})
        self.assertIn("100 MiB", self.ctl.text("update", name))

    def test_a_limit_beyond_the_zone_is_refused_and_changes_nothing(self):
        name = self.start(*STUBBORN)
        cgroup = self.cgroup(name)
        before = self.guest.sh(f"cd {cgroup}; head memory.max pids.max cpu.weight cpu.max")
        usable = int(self.guest.read(f"{cgroup}/memory.max"))
        with self.assertRaises(VarlinkError) as refused:
            self.update(name, memory=usable + 4096, pids=7, cpu_weight=50, cpu_quota=250)
        self.assertEqual(refused.exception.error, "io.czone.Container.LimitRefused")
        self.assertEqual(refused.exception.parameters["field"], "memory")
        self.assertEqual(refused.exception.parameters["limit"], usable)
        self.assertEqual(self.guest.sh(f"cd {cgroup}; head memory.max pids.max cpu.weight cpu.max"), before)
        done = self.ctl.run("update", "--memory", "1G", name)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(usable), done.stderr)

    def test_a_limit_below_what_is_used_is_refused_and_kills_nobody(self):
        name = self.hold(SMALL, 60)
        self.wait_ready(name)
        with self.assertRaises(VarlinkError) as refused:
            self.update(name, memory=64 * MIB)
        self.assertEqual(refused.exception.error, "io.czone.Container.LimitRefused")
        self.assert_unharmed(name)

    def test_a_quota_holds(self):
        name = self.start(*BUSY)
        self.update(name, cpu_quota=100)
        before = self.stats(name)
        time.sleep(3)
        after = self.stats(name)
        share = (after["cpu"]["usage"] - before["cpu"]["usage"]) / (after["time"] - before["time"])
        self.assertLess(share, 0.2, "a tenth of a CPU was allowed")
        self.assertGreater(after["cpu"]["throttled"], before["cpu"]["throttled"])
        self.assertGreater(after["cpu"]["throttled_time"], before["cpu"]["throttled_time"])

    # Stats.

    def test_figures_are_those_of_the_kernel_s_files(self):
        name = self.hold(SMALL, 50)
        self.wait_ready(name)
        cgroup = self.cgroup(name)
        self.assertEqual(self.guest.run(f"test -e {cgroup}/cpu.weight && test -e {cgroup}/io.max").status, 0, "cpu and io are on")
        cpu_before = self.keyed(f"{cgroup}/cpu.stat")
        stats = self.stats(name)
        cpu_after = self.keyed(f"{cgroup}/cpu.stat")
        for figure, key in ("usage", "usage_usec"), ("user", "user_usec"), ("system", "system_usec"):
            self.assertLessEqual(cpu_before[key] * 1000, stats["cpu"][figure])
            self.assertLessEqual(stats["cpu"][figure], cpu_after[key] * 1000)
        # It sits and waits: what it has does not move but for the kernel's batches of counting.
        slack = 64 * 4096 * self.guest.cpus() + MIB
        self.assertAlmostEqual(stats["memory"]["current"], int(self.guest.read(f"{cgroup}/memory.current")), delta=slack)
        numa = self.guest.numa_stat(cgroup)
        for node in stats["memory"]["nodes"]:
            self.assertAlmostEqual(node["anon"], numa["anon"][node["node"]], delta=slack)
            self.assertAlmostEqual(node["file"], numa["file"][node["node"]], delta=slack)
        zone = self.daemon.inspect(name)["node"]
        self.assertEqual(stats["node"], zone)
        self.assertGreater(next(n["anon"] for n in stats["memory"]["nodes"] if n["node"] == zone), SMALL // 4)
        self.assertEqual(stats["pids"]["current"], int(self.guest.read(f"{cgroup}/pids.current")))
        self.assertEqual(stats["limits"]["memory"], int(self.guest.read(f"{cgroup}/memory.max")))
        self.assertEqual(stats["limits"]["pids"], int(self.guest.read(f"{cgroup}/pids.max")))
        self.assertEqual(stats["limits"]["cpu_weight"], 100)
        psi = self.guest.run(f"cat {cgroup}/memory.pressure").status == 0
        self.assertEqual("pressure" in stats["memory"], psi)
        self.assertEqual("pressure" in stats["cpu"], psi)

    def test_a_stream_ends_with_its_container_and_the_others_go_on(self):
        name, other = self.start(*STUBBORN), self.start(*STUBBORN)
        with Connection(self.vm.address, timeout=60) as one, Connection(self.vm.address, timeout=60) as all_of_them:
            one.request("io.czone.Container.Stats", {"id": name, "interval_ms": 100}, more=True)
            all_of_them.request("io.czone.Container.Stats", {"interval_ms": 100}, more=True)
            self.assertEqual([entry["id"] for entry in one.reply()["stats"]], [name])
            self.assertEqual({entry["id"] for entry in all_of_them.reply()["stats"]}, {name, other})
            self.daemon.kill(name)
            while True:
                message = one.receive()
                self.assertNotIn("error", message)
                if not message.get("continues"):
                    break
            self.assertEqual(message["parameters"]["stats"], [])
            while len(all_of_them.reply()["stats"]) > 1:
                pass
            self.assertEqual([entry["id"] for entry in all_of_them.reply()["stats"]], [other])
        with self.assertRaises(VarlinkError) as refused:
            self.daemon.call("io.czone.Container.Stats", id=name)
        self.assertEqual(refused.exception.error, "io.czone.Container.WrongState")

    def test_czonectl_stats(self):
        name = self.start(*STUBBORN)
        self.assertIn(name, self.ctl.text("stats"))
        self.assertEqual(json.loads(self.ctl.text("stats", "--json", name))["id"], name)

    # Events.

    def test_oom_kills_one_container_only_and_names_the_victim(self):
        neighbour = self.hold(SMALL, 60)
        self.wait_ready(neighbour)
        with self.events() as until:
            name = self.daemon.spawn(TENANT, "overflow", str(SMALL), memory=SMALL)
            seen = [event for event in until("container-exited") if event.get("container") == name]
        names = [event["event"] for event in seen]
        self.assertEqual(names.count("container-oom"), 1, seen)
        self.assertIn("container-memory-limit", names)
        oom = seen[names.index("container-oom")]
        self.assertEqual(oom.get("process"), "tenant", oom)
        log = self.guest.sh("dmesg")
        pids = re.findall(r"oom-kill:.*task_memcg=/\S+,task=tenant,pid=(\d+),", log)
        self.assertIn(oom["pid"], [int(pid) for pid in pids], oom)
        self.assertTrue(self.daemon.wait(name)["oom_killed"])
        self.assert_unharmed(neighbour)

    def test_the_limit_of_processes_is_told(self):
        with self.events() as until:
            name = self.daemon.spawn("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; wait", memory=SMALL, pids=4)
            event = until("container-pids-limit")[-1]
            self.assertEqual(event["container"], name)
            self.assertGreaterEqual(event["count"], 1)


if __name__ == "__main__":
    unittest.main()
