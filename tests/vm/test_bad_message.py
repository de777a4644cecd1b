# SPDX-License-Identifier: Apache-2.0
"""Peers that do not speak Varlink, speak it badly, or vanish. Whatever they do, the next client is served."""
import json
import unittest

from case import SMALL, ZoneCase
from czone import wait_for
from wire import Connection, VarlinkError

LIMIT = 256 * 1024


class BadMessage(ZoneCase):
    def tearDown(self):
        with Connection(self.vm.address) as connection:
            self.assertEqual(connection.call("org.varlink.service.GetInfo")["product"], "czoned")
        super().tearDown()

    def assert_closed_after(self, raw):
        with Connection(self.vm.address) as connection:
            try:
                connection.send(raw)
            except (BrokenPipeError, ConnectionResetError):
                return
            self.assertTrue(connection.closed(), f"still open after {raw[:60]!r}")

    def test_malformed_messages_close_the_connection(self):
        messages = {
            "no JSON": b"hello\0",
            "empty": b"\0",
            "not an object": b"[]\0",
            "no method": b"{}\0",
            "method is a number": b'{"method": 7}\0',
            "unknown member": b'{"method": "org.varlink.service.GetInfo", "colour": 1}\0',
            "flag is no boolean": b'{"method": "org.varlink.service.GetInfo", "more": 1}\0',
            "two flags": b'{"method": "org.varlink.service.GetInfo", "more": true, "oneway": true}\0',
            "duplicate member": b'{"method": "org.varlink.service.GetInfo", "method": "a.b.C"}\0',
            "trailing bytes": b'{"method": "org.varlink.service.GetInfo"} x\0',
            "invalid UTF-8": b'{"method": "org.varlink.service.GetInfo\xff\xfe"}\0',
            "overlong UTF-8": b'{"method": "org.varlink.service.GetInfo\xc0\x80"}\0',
            "surrogate": b'{"method": "\\ud800"}\0',
        }
        for what, raw in messages.items():
            with self.subTest(what):
                self.assert_closed_after(raw)

    def test_nul_in_the_middle(self):
        self.assert_closed_after(b'{"method": "org.varlink\0.service.GetInfo"}\0')
        self.assert_closed_after(b'{"method": "org.varlink.service.GetInfo\\u0000"}\0')

    def test_oversize_message(self):
        self.assert_closed_after(b'{"method": "' + b"a" * (LIMIT + 1) + b'"}\0')

    def test_oversize_message_that_never_ends(self):
        self.assert_closed_after(b'{"method": "' + b"a" * (2 * LIMIT))

    def test_deeply_nested_message(self):
        self.assert_closed_after(b'{"method": "a.b.C", "parameters": ' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}\0")
        self.assert_closed_after(b"[" * (LIMIT - 1) + b"\0")

    def test_truncated_message(self):
        with Connection(self.vm.address) as connection:
            connection.send(b'{"method": "org.varlink.service.GetInfo"')

    def test_unknown_method_and_interface(self):
        with Connection(self.vm.address) as connection:
            for method, error in (
                ("io.czone.Container.Fly", "MethodNotFound"),
                ("io.czone.Nothing.List", "InterfaceNotFound"),
                ("org.varlink.service.Nothing", "MethodNotFound"),
            ):
                with self.assertRaises(VarlinkError) as caught:
                    connection.call(method)
                self.assertEqual(caught.exception.error, "org.varlink.service." + error)
            # An error is no reason to close.
            self.assertIn("io.czone.Container", connection.call("org.varlink.service.GetInfo")["interfaces"])

    def test_streams_need_more(self):
        for method in ("io.czone.Monitor.Subscribe", "io.czone.Host.Attach"):
            with Connection(self.vm.address) as connection:
                parameters = {"driver": "test", "max_bytes": 0} if method.endswith("Attach") else {}
                with self.assertRaises(VarlinkError) as caught:
                    connection.call(method, parameters)
                self.assertEqual(caught.exception.error, "org.varlink.service.ExpectedMore")

    def test_oneway_is_not_answered(self):
        with Connection(self.vm.address) as connection:
            connection.request("io.czone.Nothing.Happens", oneway=True)
            self.assertEqual(connection.call("org.varlink.service.GetInfo")["product"], "czoned")

    def test_pipelined_calls_are_answered_in_order(self):
        call = json.dumps({"method": "org.varlink.service.GetInfo"}).encode() + b"\0"
        with Connection(self.vm.address) as connection:
            connection.send(call * 20)
            for _ in range(20):
                self.assertEqual(connection.reply()["product"], "czoned")

    def test_a_message_in_single_bytes(self):
        with Connection(self.vm.address) as connection:
            for byte in b'{"method":"org.varlink.service.GetInfo"}\0':
                connection.send(bytes([byte]))
            self.assertEqual(connection.reply()["product"], "czoned")

    def test_a_peer_that_vanishes_after_spawn_does_not_take_the_container_with_it(self):
        with Connection(self.vm.address) as connection:
            connection.request(
                "io.czone.Container.Spawn", {"args": ["/bin/sleep", "1000"], "memory": SMALL, "id": "orphan"}
            )
            connection.reply()
        self.daemon.wait_for_state("orphan", "running")

    def test_a_peer_that_vanishes_while_it_waits(self):
        name = self.daemon.spawn("/bin/sleep", "1000", memory=SMALL)
        for _ in range(5):
            with Connection(self.vm.address) as connection:
                connection.request("io.czone.Container.Wait", {"id": name})
            with Connection(self.vm.address) as connection:
                connection.request("io.czone.Monitor.Subscribe", more=True)
        self.daemon.wait_for_state(name, "running")

    def test_a_thousand_connections(self):
        fds_before = self.czoned_fds()
        opened = []
        refused = 0
        try:
            for _ in range(1000):
                try:
                    opened.append(Connection(self.vm.address, timeout=10))
                except OSError:
                    refused += 1
            served = 0
            for connection in opened:
                try:
                    connection.request("org.varlink.service.GetInfo")
                    connection.reply()
                    served += 1
                except VarlinkError as error:
                    self.assertEqual(error.error, "io.czone.Monitor.TooManyConnections")
                    refused += 1
                except OSError:
                    refused += 1
            self.assertGreaterEqual(served, 16, f"{served} served, {refused} refused")
        finally:
            for connection in opened:
                connection.close()
        # Those beyond the limit were turned away, those within it are forgotten when they go.
        wait_for(lambda: self.czoned_fds() <= fds_before, f"czoned has {fds_before} fds again", 60)

    def czoned_fds(self):
        return int(self.guest.sh("ls /proc/$(pidof czoned)/fd 2>/dev/null | wc -l"))


if __name__ == "__main__":
    unittest.main()
