# SPDX-License-Identifier: Apache-2.0
"""czoned may be killed, or restarted, at any moment: no container, no byte of its output and no exit status is lost."""
import base64
import os
import random
import threading
import time
import unittest

from case import SMALL, ZoneCase
from czone import wait_for
from wire import VarlinkError

CONTAINERS = int(os.environ.get("CZONE_RESTART_CONTAINERS", "24"))
OUTPUT = 65536
# What the connections of somebody whose server was killed end with.
BROKEN = (OSError, EOFError, ConnectionError)


def again(call, timeout=120):
    """Makes a call until it is answered, as a client does whose server restarts. The call must be one that may be repeated."""
    end = time.monotonic() + timeout
    while True:
        try:
            return call()
        except BROKEN:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class Restart(ZoneCase):
    def main_pid(self):
        """Of czoned itself; its helpers come after it."""
        return int(self.guest.sh("pidof czoned | tr ' ' '\\n' | sort -n | head -n 1"))

    def answers(self):
        return again(self.daemon.zones)

    def kill_czoned(self):
        self.guest.sh("kill -KILL $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")

    def restart(self):
        before = self.main_pid()
        self.kill_czoned()
        self.answers()
        self.assertNotEqual(self.main_pid(), before)

    def without_czoned(self, script):
        """Runs a script of the guest between the end of one czoned and the start of the next."""
        starter = self.guest.sh("grep -l czoned.start /proc/[0-9]*/cmdline | head -n 1").split("/")[2]
        self.guest.sh(f"kill -STOP {starter}")
        try:
            self.kill_czoned()
            return self.guest.sh(script)
        finally:
            self.guest.sh(f"kill -CONT {starter}")
            self.answers()
            again(lambda: self.wait_for_host(True))

    def whole_log(self, name):
        """All of a log, in as many calls as it takes; every byte must be there."""
        data, offset = b"", 0
        while True:
            answer = again(lambda: self.daemon.call("io.czone.Container.Logs", id=name, offset=offset))
            self.assertEqual(answer["offset"], offset, "bytes are missing")
            part = base64.b64decode(answer["data"])
            self.assertEqual(sum(piece["bytes"] for piece in answer["pieces"]), len(part))
            data += part
            offset += len(part)
            if answer["eof"]:
                return data
            self.assertTrue(part, "an empty answer that is not the end")

    def test_a_container_runs_through_a_crash(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo before; sleep 6; echo after; echo error >&2; exit 7", memory=SMALL)
        self.daemon.wait_for_log(name, "before")
        pid = self.daemon.inspect(name)["pid"]
        self.restart()
        container = self.daemon.inspect(name)
        self.assertEqual((container["state"], container["pid"]), ("running", pid))
        self.wait_for_host(True)
        container = self.daemon.wait(name)
        self.assertEqual(container["exit_status"], 7)
        self.assertEqual(self.whole_log(name), b"before\nafter\nerror\n")
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def test_what_ends_while_no_czoned_is_there_is_accounted_for(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo begun; sleep 2; echo ended; exit 9", memory=SMALL)
        self.daemon.wait_for_log(name, "begun")
        pid = self.daemon.inspect(name)["pid"]
        self.without_czoned(f"while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")
        container = self.daemon.wait(name)
        self.assertEqual(container["exit_status"], 9)
        self.assertEqual(self.whole_log(name), b"begun\nended\n")
        self.assertEqual(self.daemon.receipt(name)["container"], name)

    def test_sigterm_leaves_containers_and_the_next_czoned_has_them(self):
        name = self.hold(SMALL, 40)
        self.wait_ready(name)
        self.guest.sh("kill -TERM $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")
        wait_for(lambda: self.guest.run("pidof czoned").status != 0, "czoned has ended", 30)
        self.guest.sh("setsid /etc/czoned.start >/dev/null 2>&1 </dev/null &")
        self.answers()
        again(lambda: self.wait_for_host(True))
        self.assert_unharmed(name)
        self.daemon.kill(name, "TERM")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def test_a_container_in_the_making_is_finished(self):
        for delay in (0, 0.02, 0.1, 0.2, 0.4):
            with self.subTest(delay=delay):
                name = self.daemon.spawn("/bin/sh", "-c", "echo here; exit 5", memory=SMALL)
                time.sleep(delay)
                self.restart()
                again(lambda: self.wait_for_host(True))
                container = again(lambda: self.daemon.wait(name))
                self.assertEqual(container.get("exit_status"), 5, container)
                self.assertEqual(self.whole_log(name), b"here\n")
                self.daemon.remove(name)

    def test_a_key_is_known_after_a_crash(self):
        name = self.daemon.spawn("/bin/true", memory=SMALL, key="kept")
        self.daemon.wait(name)
        self.restart()
        self.assertEqual(self.daemon.spawn("/bin/true", memory=SMALL, key="kept"), name)
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.spawn("/bin/false", memory=SMALL, key="kept")
        self.assertEqual(caught.exception.error, "io.czone.Container.KeyReused")
        self.daemon.remove(name)
        self.restart()
        self.assertEqual(self.daemon.spawn("/bin/true", memory=SMALL, key="kept"), name)
        self.assertEqual(self.daemon.containers(), [])

    def test_a_keeper_that_is_killed_takes_its_container_along(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo up; sleep 1000", memory=SMALL)
        self.daemon.wait_for_log(name, "up")
        pid = self.daemon.inspect(name)["pid"]
        self.guest.sh(f"kill -KILL $(awk '/^PPid/ {{ print $2 }}' /proc/{pid}/status)")
        container = self.daemon.wait(name)
        self.assertEqual(container["exit_signal"], 9)
        self.assertEqual(self.daemon.logs(name), "up\n")
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def spawn_by_key(self, number):
        script = f"yes {number} | head -c {OUTPUT}; exit {number % 200}"
        name = again(lambda: self.daemon.spawn("/bin/sh", "-c", script, memory=SMALL, key=f"run {number}", id=f"run{number}"))
        self.assertEqual(name, f"run{number}")
        return name

    def test_killed_at_random_moments_every_byte_and_status_is_right(self):
        chance = random.Random(20)
        done = threading.Event()
        kills = []

        def strike():
            while not done.wait(chance.uniform(0.2, 2.5)):
                self.kill_czoned()
                kills.append(time.monotonic())
                self.answers()

        killer = threading.Thread(target=strike)
        killer.start()
        try:
            for number in range(CONTAINERS):
                name = self.spawn_by_key(number)
                container = again(lambda: self.daemon.wait(name))
                self.assertEqual(container.get("exit_status"), number % 200, container)
                expected = (f"{number}\n".encode() * OUTPUT)[:OUTPUT]
                self.assertEqual(self.whole_log(name), expected)
                again(lambda: self.remove_once(name))
        finally:
            done.set()
            killer.join()
        again(lambda: self.wait_for_host(True))
        self.assertGreaterEqual(len(kills), CONTAINERS // 4)
        receipts = self.daemon.call("io.czone.Zone.Receipts")["receipts"]
        ours = [receipt["container"] for receipt in receipts if receipt["container"].startswith("run")]
        # A zone that was half made when czoned was killed has a receipt of its own; its container then had another.
        self.assertEqual(set(ours), {f"run{number}" for number in range(CONTAINERS)})
        print(f"{CONTAINERS} containers, {len(kills)} kills", flush=True)

    def remove_once(self, name):
        """Gone already, when the answer to the first try was lost."""
        try:
            self.daemon.remove(name)
        except VarlinkError as error:
            if error.error != "io.czone.Container.NoSuchContainer":
                raise


if __name__ == "__main__":
    unittest.main()
