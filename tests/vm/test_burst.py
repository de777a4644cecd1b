# SPDX-License-Identifier: Apache-2.0
"""Hundreds of connections and a burst of Spawns: each is answered, none starves what is short, and all of it is bounded."""
import socket
import threading
import time
import unittest
from collections import Counter

from case import MIB, TENANT, programs
from czone import Daemon, wait_for
from test_bad_host import Host
from vm import MicroVM
from wire import Connection, VarlinkError

# Zones that are ready: dimms, plugged by hand (see test_footprint).
ZONES = 24
BURST = 100
CONNECTIONS = 300
# agent/guest/session.h
LIMIT = 512
BLOCK = 128 * MIB


class StingyHost(threading.Thread):
    """Gives no memory and takes none; counts what it was asked."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.host = Host(address)
        self.asked = Counter()
        self.start()

    def run(self):
        try:
            while True:
                signal = self.host.connection.reply()["signal"]
                reason = "limit" if signal["kind"] == "plug" else "unknown-range"
                self.asked[signal["kind"]] += 1
                if signal["kind"] != "cancel":
                    self.host.report(signal, ok=False, reason=reason, message="all is given")
        except (OSError, ValueError):
            pass  # closed

    def close(self):
        self.host.connection.socket.shutdown(socket.SHUT_WR)
        self.join()
        self.host.connection.close()


class Burst(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vm = MicroVM(dimm_nodes=ZONES, memory="768M", add=programs())
        cls.vm.start()
        cls.addClassCleanup(cls.vm.stop)
        cls.daemon = Daemon(cls.vm.address)
        for node in range(1, ZONES + 1):
            cls.vm.monitor.execute("object-add", **{"qom-type": "memory-backend-ram", "id": f"memory{node}", "size": BLOCK})
            cls.vm.monitor.execute("device_add", driver="pc-dimm", id=f"dimm{node}", memdev=f"memory{node}", node=node)
        wait_for(lambda: len(cls.vm.guest.blocks_in(1 << 32, 1 << 50)) == ZONES, f"the guest has {ZONES} blocks more")

    def timed(self, connection, method, **parameters):
        """Seconds until a call is answered, by a result or an error."""
        before = time.monotonic()
        try:
            connection.call(method, parameters)
        except VarlinkError as error:
            self.assertEqual(error.error, "io.czone.Host.NoSuchSignal")
        return time.monotonic() - before

    def resident(self):
        # Its helper processes have its name, and higher numbers.
        return int(self.vm.guest.sh("awk '/^VmRSS/ { print $2 }' /proc/$(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)/status")) * 1024

    def test_a_burst_of_spawns_starves_nobody(self):
        daemon = self.daemon
        victim = daemon.spawn(TENANT, "sit", str(MIB), memory=BLOCK)
        daemon.wait(victim, until="running")
        host = StingyHost(self.vm.address)
        self.addCleanup(host.close)
        # It is offered what lies idle: all but the victim's.
        wait_for(lambda: host.asked["unplug"] == ZONES - 1, "the host has been offered the zones", 30)
        connections = [Connection(self.vm.address, timeout=120) for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.call("org.varlink.service.GetInfo")
        resident = self.resident()

        short = {
            "Kill": ("io.czone.Container.Kill", {"id": victim, "signal": "CONT"}),
            "Wait": ("io.czone.Container.Wait", {"id": victim, "until": "running"}),
            "Report": ("io.czone.Host.Report", {"session": host.host.session, "id": 1 << 40, "ok": False, "reason": "vmm", "message": "no"}),
        }
        alone = {
            name: sorted(self.timed(connections[i], method, **parameters) for _ in range(30))
            for i, (name, (method, parameters)) in enumerate(short.items())
        }

        # Together, and until the last of the burst has been answered and has begun its program: short calls, one after the other.
        beside = {name: [] for name in short}
        answers, began = [], time.monotonic()
        over = threading.Event()

        def spawn(connection):
            try:
                connection.call("io.czone.Container.Spawn", {"args": ["/bin/true"], "memory": BLOCK})
                answers.append(("spawned", time.monotonic()))
            except VarlinkError as error:
                answers.append((error.error, time.monotonic()))

        def ask(connection, name):
            method, parameters = short[name]
            while not over.is_set():
                beside[name].append((self.timed(connection, method, **parameters), time.monotonic()))

        askers = [threading.Thread(target=ask, args=(connections[i], name)) for i, name in enumerate(short)]
        spawners = [threading.Thread(target=spawn, args=(connection,)) for connection in connections[-BURST:]]
        for thread in askers + spawners:
            thread.start()
        for thread in spawners:
            thread.join()
        wait_for(
            lambda: all(c["state"] not in ("wanted", "starting") for c in daemon.containers()),
            "all that was spawned has begun",
            120,
        )
        over.set()
        for thread in askers:
            thread.join()
        last = max(at for _, at in answers)
        kinds = Counter(kind for kind, _ in answers)
        took = max(at for calls in beside.values() for _, at in calls) - began
        print(f"\n  {BURST} Spawns answered in {last - began:.2f} s, {dict(kinds)}; all begun after {took:.2f} s")
        for name, calls in beside.items():
            times = sorted(seconds for seconds, _ in calls)
            print(
                f"  {name}: {len(times)} beside the burst, p50 {times[len(times) // 2] / alone[name][15]:.1f} times, "
                f"worst {times[-1] / alone[name][15]:.0f} times what it takes alone ({alone[name][15] * 1000:.1f} ms)"
            )
            # None waited for the burst to be over, in which all of the Spawns and of what follows them would go first.
            self.assertTrue([1 for _, at in calls if at < last], f"no {name} was answered before the last Spawn")
            self.assertLess(times[-1], took / 2, f"a {name} waited for half of the burst")
        self.assertEqual(kinds, {"spawned": BURST})
        # Those that found no zone say why; a zone that has come back is a zone again.
        ends = Counter(c["failure"]["id"] if c.get("failure") else "ran" for c in daemon.containers() if c["id"] != victim)
        self.assertEqual(sum(ends.values()), BURST)
        self.assertLessEqual(set(ends), {"ran", "io.czone.Container.HostRefused"})
        self.assertGreaterEqual(ends["ran"], ZONES - 1)
        grown = self.resident() - resident
        print(f"  czoned grew by {grown >> 10} KiB")
        self.assertLess(grown, 16 * MIB)
        for connection in connections:
            connection.close()
        for container in daemon.containers():
            daemon.remove(container["id"], force=True)

    def test_one_connection_too_many_is_told_the_limit_and_the_others_go_on(self):
        connections = [Connection(self.vm.address, timeout=60) for _ in range(LIMIT + 8)]
        try:
            refused = 0
            for connection in connections:
                try:
                    connection.call("org.varlink.service.GetInfo")
                except VarlinkError as error:
                    self.assertEqual(error.error, "io.czone.Monitor.TooManyConnections")
                    self.assertEqual(error.parameters["limit"], LIMIT)
                    refused += 1
            self.assertGreaterEqual(refused, 8)
            self.assertLess(refused, 16)
            connections[0].call("io.czone.Container.List")
        finally:
            for connection in connections:
                connection.close()


if __name__ == "__main__":
    unittest.main()
