# SPDX-License-Identifier: Apache-2.0
"""Short containers that print 64 KiB and exit: every byte arrives, in order, and every status is right. Also with readers that stall, and with
czoned killed at random moments. CZONE_OUTPUT_CONTAINERS: how many, for each of the three."""
import base64
import collections
import concurrent.futures
import itertools
import os
import random
import socket
import threading
import time
import unittest

from case import BROKEN, MIB, ZoneCase, again
from wire import Connection, VarlinkError

CONTAINERS = int(os.environ.get("CZONE_OUTPUT_CONTAINERS", "30"))
# As many as there are virtio-mem nodes, less one that is on its way back.
AT_ONCE = 3
# Between two kills, seconds.
PAUSE_MAX = 3
MEMORY = 128 * MIB
OUTPUT = 65536


def expected(number):
    """No piece of it is like another, or like any of another container's."""
    return "".join(f"{n}\n" for n in range(number * 100000, number * 100000 + OUTPUT // 6)).encode()[:OUTPUT]


class Reader:
    """Follows a log to its end, over as many connections as that takes."""

    def __init__(self, address, name):
        self.address = address
        self.name = name
        self.data = b""
        self.broken = 0

    def take(self, answer):
        if answer["offset"] != len(self.data):
            raise AssertionError(f"{self.name}: offset {answer['offset']} after {len(self.data)} bytes")
        self.data += base64.b64decode(answer["data"])
        return answer["eof"]

    def stream(self, pause):
        with Connection(self.address, 60) as connection:
            # What the transport holds for a reader that does not read is little then.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.request("io.czone.Container.Logs", {"id": self.name, "offset": len(self.data)}, more=True)
            while not self.take(connection.reply()):
                pause()

    def read(self, pause=lambda: None):
        def once():
            try:
                self.stream(pause)
            except BROKEN:
                self.broken += 1
                raise

        again(once)
        return self.data


class Output(ZoneCase):
    def spawn(self, number, name):
        script = f"seq {number}00000 {number}99999 | head -c {OUTPUT}; exit {number % 200}"
        return again(lambda: self.daemon.spawn("/bin/sh", "-c", script, memory=MEMORY, key=name, id=name))

    def remove(self, name):
        """Gone already, when the answer to the first try was lost."""
        try:
            self.daemon.remove(name)
        except VarlinkError as error:
            if error.error != "io.czone.Container.NoSuchContainer":
                raise

    def one(self, number, stall=False):
        """From Spawn to Remove."""
        name = f"{self.kind}{number}"
        self.assertEqual(self.spawn(number, name), name)
        reader = Reader(self.vm.address, name)
        ended = []

        def pause():
            if stall and not ended:
                ended.append(again(lambda: self.daemon.wait(name)))

        data = reader.read(pause)
        container = again(lambda: self.daemon.wait(name))
        self.assertEqual(container.get("exit_status"), number % 200, container)
        self.assertEqual(len(data), OUTPUT, name)
        self.assertEqual(data, expected(number))
        receipt = again(lambda: self.daemon.receipt(name))
        again(lambda: self.remove(name))
        return receipt["outcome"], reader.broken

    def all(self, kind, enough=lambda: True, **options):
        """Runs them all, and more until enough(); returns [(outcome, connections that broke)]."""
        self.kind = kind
        # Next() of it is one step, whoever else takes one.
        numbers = itertools.count(1)

        def some():
            results = []
            while (number := next(numbers)) <= CONTAINERS or not enough():
                results.append(self.one(number, **options))
            return results

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return sum((each.result() for each in [pool.submit(some) for _ in range(AT_ONCE)]), [])

    def tell(self, results, since, more=""):
        outcomes = ", ".join(f"{n} {outcome}" for outcome, n in sorted(collections.Counter(outcome for outcome, _ in results).items()))
        print(f"{len(results)} containers in {time.monotonic() - since:.0f} s, all {OUTPUT} bytes of each; memory: {outcomes}{more}", flush=True)

    def test_every_byte_arrives_and_every_status_is_right(self):
        began = time.monotonic()
        results = self.all("plain")
        self.assertEqual({outcome for outcome, _ in results}, {"returned"})
        self.tell(results, began)

    def test_readers_that_stall_until_the_container_is_gone_get_every_byte(self):
        began = time.monotonic()
        results = self.all("stalled", stall=True)
        self.assertEqual({outcome for outcome, _ in results}, {"returned"})
        self.tell(results, began)

    def test_with_czoned_killed_at_random_moments(self):
        chance = random.Random(20)
        over = threading.Event()
        began = time.monotonic()
        kills = 0

        def strike():
            nonlocal kills
            while not over.wait(chance.uniform(0.1, PAUSE_MAX)):
                kills += self.guest.run(self.KILL_CZONED).status == 0

        killer = threading.Thread(target=strike)
        killer.start()
        try:
            results = self.all("killed", enough=lambda: kills >= CONTAINERS // 10)
        finally:
            over.set()
            killer.join()
        again(self.daemon.zones)
        self.wait_for_host(True)
        self.tell(results, began, f"; {kills} kills, {sum(broken for _, broken in results)} readers begun anew")


if __name__ == "__main__":
    unittest.main()
