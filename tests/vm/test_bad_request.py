# SPDX-License-Identifier: Apache-2.0
"""Requests that cannot be met: a clear error, and nothing left behind (ZoneCase.tearDown looks)."""
import unittest

from case import MAX_TOTAL, MAX_ZONE, MIB, SMALL, TENANT, ZoneCase
from wire import Connection, VarlinkError

CONTAINER = "io.czone.Container."


class BadRequest(ZoneCase):
    def assert_refused(self, error, *words, args=("/bin/true",), memory=SMALL, **parameters):
        """The Spawn fails with this error and a message that has these words, at once or as the container's failure."""
        try:
            name = self.daemon.spawn(*args, memory=memory, **parameters)
        except VarlinkError as refusal:
            self.assertEqual(refusal.error, error)
            message = refusal.parameters.get("message") or refusal.parameters.get("parameter")
        else:
            container = self.daemon.wait(name)
            self.assertEqual(container["state"], "failed", container)
            self.assertEqual(container["failure"]["id"], error)
            message = container["failure"]["message"]
            self.daemon.remove(name)
        for word in words:
            self.assertIn(word, message)
        self.assertEqual(self.monitor.plugged(), 0)

    def assert_invalid(self, parameter, **parameters):
        request = {"args": ["/bin/true"], "memory": SMALL, **parameters}
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.call(CONTAINER + "Spawn", **request)
        self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")
        self.assertEqual(caught.exception.parameters["parameter"], parameter)

    def test_zero_memory(self):
        self.assert_invalid("memory", memory=0)

    def test_negative_memory(self):
        self.assert_invalid("memory", memory=-1)

    def test_more_memory_than_any_machine_has(self):
        for memory in (1 << 62, (1 << 63) - 1):
            with self.subTest(memory=memory):
                with self.assertRaises(VarlinkError) as caught:
                    self.daemon.call(CONTAINER + "Spawn", args=["/bin/true"], memory=memory)
                self.assertIn(
                    caught.exception.error,
                    ("org.varlink.service.InvalidParameter", CONTAINER + "HostRefused", CONTAINER + "NoMemory"),
                    caught.exception,
                )

    def test_a_number_that_no_integer_holds(self):
        with Connection(self.vm.address) as connection:
            connection.send(
                b'{"method": "io.czone.Container.Spawn", "parameters": {"args": ["/bin/true"], "memory": 99999999999999999999}}\0'
            )
            with self.assertRaises(VarlinkError) as caught:
                connection.reply()
        self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")
        self.assertEqual(caught.exception.parameters["parameter"], "memory")

    def test_memory_that_is_no_integer(self):
        for memory in ("256M", 1.5, True, None, [], {}):
            with self.subTest(memory=memory):
                with self.assertRaises(VarlinkError) as caught:
                    with_memory = {"args": ["/bin/true"], "memory": memory}
                    self.raw_spawn(with_memory)
                self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")

    def raw_spawn(self, parameters):
        with Connection(self.vm.address) as connection:
            return connection.call(CONTAINER + "Spawn", parameters)

    def test_missing_and_unknown_parameters(self):
        for parameters in ({"args": ["/bin/true"]}, {"memory": SMALL}, {"args": ["/bin/true"], "memory": SMALL, "colour": "red"}):
            with self.subTest(parameters=parameters):
                with self.assertRaises(VarlinkError) as caught:
                    self.raw_spawn(parameters)
                self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")

    def test_empty_args(self):
        self.assert_invalid("args", args=[])

    def test_more_than_the_host_gives_one_zone(self):
        self.assert_refused(CONTAINER + "HostRefused", memory=MAX_ZONE + 128 * MIB)

    def test_more_than_the_host_gives_in_total(self):
        names = [self.hold(MAX_ZONE, 5) for _ in range(3)]
        for name in names:
            self.wait_ready(name)
        self.assertEqual(self.monitor.plugged(), MAX_TOTAL)
        name = self.daemon.spawn("/bin/true", memory=SMALL)
        failed = self.daemon.wait(name)
        self.assertEqual(failed["failure"]["id"], CONTAINER + "HostRefused", failed)
        for neighbour in names:
            self.assert_unharmed(neighbour)

    def test_unknown_tier(self):
        self.assert_refused(CONTAINER + "NoSuchTier", "golden", tier="golden")
        self.assert_refused(CONTAINER + "NoSuchTier", "memory_tier4095", tier="memory_tier4095")

    def test_missing_program(self):
        self.assert_refused(CONTAINER + "NoSuchProgram", "/bin/nothing-here", args=("/bin/nothing-here",))
        self.assert_refused(CONTAINER + "NoSuchProgram", "nothing-here", args=("nothing-here",))

    def test_a_program_that_is_a_directory_or_not_executable(self):
        self.assert_refused(CONTAINER + "NotExecutable", "/bin", args=("/bin",))
        self.assert_refused(CONTAINER + "NotExecutable", "/etc/passwd", args=("/etc/passwd",))

    def test_missing_root(self):
        self.assert_refused(CONTAINER + "NoSuchRoot", "/no/such/root", root="/no/such/root")
        self.assert_refused(CONTAINER + "NoSuchRoot", root="/etc/passwd")

    def test_relative_root(self):
        with self.assertRaises(VarlinkError):
            self.daemon.spawn("/bin/true", memory=SMALL, root="../etc")

    def test_bad_user(self):
        self.assert_refused(CONTAINER + "NoSuchUser", "mallory", user="mallory")
        for user in ("", "-1", "0:x", "4294967296", "1:2:3"):
            with self.subTest(user=user):
                with self.assertRaises(VarlinkError):
                    self.daemon.spawn("/bin/true", memory=SMALL, user=user)

    def test_bad_ids(self):
        for name in ("", "..", "a/b", "a" * 64, "a b", "ä"):
            with self.subTest(id=name):
                self.assert_invalid("id", id=name)

    def test_duplicate_id(self):
        self.hold(SMALL, 10, id="twin")
        self.wait_ready("twin")
        self.assert_refused_in_use("twin")
        self.assertEqual(len(self.daemon.containers()), 1)
        self.assert_unharmed("twin")

    def assert_refused_in_use(self, name):
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.spawn(TENANT, "exercise", memory=SMALL, id=name)
        self.assertEqual(caught.exception.error, CONTAINER + "Exists")
        self.assertEqual(caught.exception.parameters["id"], name)

    def test_a_repeated_key_returns_the_first_answer(self):
        first = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL, key="order-1")
        self.assertEqual(self.daemon.spawn("/bin/sleep", "1000", memory=SMALL, key="order-1"), first)
        self.assertEqual(len(self.daemon.containers()), 1)

    def test_a_key_with_other_arguments(self):
        self.daemon.spawn("/bin/sleep", "1000", memory=SMALL, key="order-2")
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.spawn("/bin/sleep", "1001", memory=SMALL, key="order-2")
        self.assertEqual(caught.exception.error, CONTAINER + "KeyReused")
        self.assertEqual(len(self.daemon.containers()), 1)

    def test_containers_and_zones_that_do_not_exist(self):
        for verb in ("Inspect", "Kill", "Wait", "Remove", "Logs"):
            with self.subTest(verb=verb):
                with self.assertRaises(VarlinkError) as caught:
                    self.daemon.call(CONTAINER + verb, id="nobody")
                self.assertEqual(caught.exception.error, CONTAINER + "NoSuchContainer")
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.verify("nowhere")
        self.assertEqual(caught.exception.error, "io.czone.Zone.NoSuchZone")

    def test_a_bad_signal(self):
        name = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL)
        self.daemon.wait_for_state(name, "running")
        for signal in ("", "SIGNOTHING", "0", "65", "-9", "9x"):
            with self.subTest(signal=signal):
                with self.assertRaises(VarlinkError) as caught:
                    self.daemon.kill(name, signal)
                self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")

    def test_remove_of_a_running_container_needs_force(self):
        name = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL)
        self.daemon.wait_for_state(name, "running")
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.remove(name)
        self.assertEqual(caught.exception.error, CONTAINER + "WrongState")
        self.daemon.remove(name, force=True)
        self.assertEqual(self.daemon.containers(), [])

    def test_wait_that_times_out(self):
        name = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL)
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.wait(name, until="exited", timeout=0.2)
        self.assertEqual(caught.exception.error, CONTAINER + "Timeout")


if __name__ == "__main__":
    unittest.main()
