# SPDX-License-Identifier: Apache-2.0
"""czoned may be killed, or restarted, at any moment: no container, no byte of its output and no exit status is lost."""
import base64
import time
import unittest

from case import SMALL, ZoneCase, again, start_host, stop_host
from czone import wait_for
from wire import Connection, VarlinkError


class Restart(ZoneCase):
    def main_pid(self):
        return int(self.guest.sh(self.CZONED))

    def answers(self):
        return again(self.daemon.zones)

    def kill_czoned(self):
        self.guest.sh(self.KILL_CZONED)

    def restart(self):
        before = self.main_pid()
        self.kill_czoned()
        self.answers()
        self.assertNotEqual(self.main_pid(), before)

    def leave_and_start(self, starter):
        """A restart in good order: czoned is asked to leave, and the next one is started."""
        self.guest.sh(f"kill -TERM $({self.CZONED})")
        wait_for(lambda: self.guest.run("pidof czoned").status != 0, "czoned has ended", 30)
        self.guest.sh(f"setsid {starter} >/dev/null 2>&1 </dev/null &")
        self.answers()
        again(lambda: self.wait_for_host(True))

    def without_czoned(self, script):
        """Runs a script of the guest between the end of one czoned and the start of the next."""
        starter = self.guest.sh(f"awk '/^PPid/ {{ print $2 }}' /proc/{self.main_pid()}/status").strip()
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
        self.leave_and_start("/etc/czoned.start")
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

    def test_a_container_in_the_making_is_finished_though_the_host_has_memory_for_one_only(self):
        stop_host()
        try:
            start_host(SMALL)
            self.wait_for_host(True)
            self.test_a_container_in_the_making_is_finished()
        finally:
            stop_host()
            start_host()
            self.wait_for_host(True)

    def test_a_container_that_is_held_stays_so_and_a_cgroup_left_behind_is_no_obstacle(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo here; exit 5", memory=SMALL, hold=True, id="held")
        self.daemon.wait(name, until="created")
        # As if czoned had been killed between making the cgroup and binding it.
        self.without_czoned("mkdir /sys/fs/cgroup/czone/held")
        self.assertEqual(self.daemon.inspect(name)["state"], "created")
        self.daemon.call("io.czone.Container.Start", id=name)
        self.assertEqual(self.daemon.wait(name)["exit_status"], 5)
        self.assertEqual(self.whole_log(name), b"here\n")

    def test_a_program_that_two_czoneds_had_started_runs_once(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo here; sleep 3", memory=SMALL, hold=True)
        self.daemon.wait(name, until="created")
        # Keepers that were sent the program, and have not read that yet when czoned is killed.
        idle = self.guest.sh("pidof czone-keeper").strip()
        self.guest.sh(f"kill -STOP {idle}")
        self.daemon.call("io.czone.Container.Start", id=name)
        self.restart()
        self.daemon.wait(name, until="running")
        self.guest.sh(f"kill -CONT {idle}")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
        self.assertEqual(self.whole_log(name), b"here\n")

    def test_the_grace_period_of_stop_goes_on(self):
        name = self.daemon.spawn("/bin/sh", "-c", "trap 'echo asked' TERM; echo up; while :; do sleep 0.2; done", memory=SMALL)
        self.daemon.wait_for_log(name, "up")
        with Connection(self.vm.address) as connection:
            connection.request("io.czone.Container.Stop", {"id": name, "grace_ms": 6000})
            self.daemon.wait_for_log(name, "asked")
            began = time.monotonic()
            self.restart()
        container = again(lambda: self.daemon.wait(name, until="exited"))
        self.assertEqual(container["exit_signal"], 9)
        self.assertLess(time.monotonic() - began, 12)
        self.assertGreater(time.monotonic() - began, 4)

    def test_a_keeper_killed_while_czoned_is_away_takes_its_container_along(self):
        name = self.daemon.spawn("/bin/sh", "-c", "echo up; sleep 1000", memory=SMALL)
        self.daemon.wait_for_log(name, "up")
        pid = self.daemon.inspect(name)["pid"]
        self.without_czoned(f"kill -KILL $(awk '/^PPid/ {{ print $2 }}' /proc/{pid}/status)")
        container = self.daemon.wait(name)
        self.assertEqual(container["exit_signal"], 9)
        self.assertEqual(self.whole_log(name), b"up\n")
        self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")

    def test_a_state_that_cannot_be_read_harms_no_other_and_its_memory_comes_back(self):
        good = self.hold(SMALL, 40)
        self.wait_ready(good)
        for number, damage in enumerate(("truncate -s 100", "rm")):
            with self.subTest(damage=damage):
                bad = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL, id=f"bad{number}")
                self.daemon.wait(bad, until="running")
                pid = self.daemon.inspect(bad)["pid"]
                self.without_czoned(f"{damage} /run/czone/containers/{bad}/state.json")
                self.assertIn(f"container {bad} of an earlier czoned cannot be taken over", self.vm.console())
                self.assertEqual([container["id"] for container in self.daemon.containers()], [good])
                self.assert_unharmed(good)
                wait_for(lambda: [zone.get("container") for zone in self.daemon.zones()["zones"]] == [good], "the other zone is gone", 30)
                self.assertFalse(self.guest.run(f"kill -0 {pid}").status == 0)
                self.assertEqual(self.daemon.receipt(bad)["outcome"], "returned")
        self.assert_unharmed(good)

    def test_a_second_czoned_is_refused_and_harms_nobody(self):
        name = self.hold(SMALL, 40)
        self.wait_ready(name)
        second = self.guest.run("/usr/sbin/czoned --listen unix:/run/second.sock 2>&1")
        self.assertNotEqual(second.status, 0)
        self.assertIn("does another czoned run here?", second.output)
        self.assert_unharmed(name)
        self.daemon.kill(name, "TERM")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)

    def test_an_upgrade_takes_over(self):
        """Another file, at another place, is started instead."""
        name = self.hold(SMALL, 40)
        self.wait_ready(name)
        starter = "/etc/czoned.start"
        self.guest.sh(
            "mkdir -p /opt/next/sbin && cp -a /usr/libexec /opt/next/ && cp /usr/sbin/czoned /opt/next/sbin/ && echo more >> /opt/next/sbin/czoned;"
            f"cp {starter} /opt/starter; sed 's|/usr/sbin/czoned|/opt/next/sbin/czoned|' /opt/starter > {starter}.new; chmod 755 {starter}.new"
        )
        try:
            self.leave_and_start(f"{starter}.new")
            self.assertEqual(self.guest.sh(f"readlink /proc/{self.main_pid()}/exe"), "/opt/next/sbin/czoned\n")
            self.assert_unharmed(name)
            other = self.daemon.spawn("/bin/sh", "-c", "exit 3", memory=SMALL)
            self.assertEqual(self.daemon.wait(other)["exit_status"], 3)
        finally:
            self.leave_and_start(starter)
        self.guest.sh(f"rm -rf /opt/next /opt/starter {starter}.new")
        self.assert_unharmed(name)
        self.daemon.kill(name, "TERM")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)

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


if __name__ == "__main__":
    unittest.main()
