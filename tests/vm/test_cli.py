# SPDX-License-Identifier: Apache-2.0
"""czonectl as people and scripts use it."""
import json
import unittest

from case import SMALL, TENANT, ZoneCase
from wire import Connection

# agent/ctl/exit.h
NOT_FOUND = 8
RUN_BASE = 120
NO_PROGRAM = 7
REFUSED = 4


class Cli(ZoneCase):
    def lines(self, *args):
        return [json.loads(line) for line in self.ctl.text("--json", *args).splitlines()]

    def test_run_shows_the_output_and_exits_with_the_status(self):
        done = self.ctl.run("run", "--memory", "256M", "--rm", "--", "sh", "-c", "echo hello; echo oops >&2; exit 7")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("hello\n", done.stdout)
        self.assertEqual(self.daemon.containers(), [], "--rm forgets the container")

    def test_run_of_a_program_that_takes_too_much_says_so(self):
        done = self.ctl.run("run", "--memory", "256M", "--rm", "--", TENANT, "overflow", str(SMALL))
        self.assertEqual(done.returncode, 128 + 9, done.stderr)
        self.assertIn("--memory", done.stderr)

    def test_run_without_program_has_the_status_of_a_shell(self):
        done = self.ctl.run("run", "--rm", "--", "nothing-here")
        self.assertEqual(done.returncode, RUN_BASE + NO_PROGRAM)
        self.assertIn("nothing-here", done.stderr)

    def test_run_of_more_than_the_host_gives_says_what_it_gives(self):
        done = self.ctl.run("run", "--rm", "--memory", "1200M", "--", "true")
        self.assertEqual(done.returncode, RUN_BASE + REFUSED, done.stderr)
        self.assertIn("1024 MiB", done.stderr)

    def test_the_life_of_a_container_verb_by_verb(self):
        name = self.ctl.text("run", "--detach", "--id", "life", "--memory", "256M", "--", TENANT, "hold", "104857600", "52428800")
        self.assertEqual(name, "life\n")
        self.daemon.wait_for_log("life", "ready")
        self.assertIn("life", self.ctl.text("ps"))
        self.assertEqual(self.lines("ps")[0]["state"], "running")
        self.assertEqual(self.ctl.json("inspect", "life")["memory"], SMALL)
        zone = self.lines("zones")[0]
        self.assertEqual((zone["container"], zone["size"]), ("life", SMALL))
        self.assertTrue(self.lines("verify", "life")[0]["exclusive"])
        self.assertEqual(self.ctl.text("logs", "life"), "ready\n")

        self.ctl.text("kill", "--signal", "TERM", "life")
        self.assertEqual(self.ctl.text("wait", "--returned", "life"), "0\n")
        receipt = self.lines("receipts", "--container", "life")[0]
        self.assertEqual((receipt["outcome"], receipt["host_bytes"]), ("returned", SMALL))
        self.ctl.text("rm", "life")
        self.assertEqual(self.ctl.run("inspect", "life").returncode, NOT_FOUND)

    def test_the_map_draws_one_mark_per_block(self):
        name = self.hold(SMALL, 10)
        self.wait_ready(name)
        text = self.ctl.text("zones", "--map")
        drawn = [line for line in text.splitlines() if line.startswith("node ") and "0x" in line]
        marks = next(line for line in drawn if "claimed" in line).split("0x")[1].split(maxsplit=1)[1]
        self.assertEqual(marks.count("A"), SMALL // self.daemon.zones()["block_size"], text)
        self.assertIn(name, text)

    def test_events_tell_the_life_of_a_zone_in_order(self):
        with Connection(self.vm.address, timeout=60) as connection:
            connection.request("io.czone.Monitor.Subscribe", more=True)
            self.assertNotIn("event", connection.reply())
            self.daemon.spawn(TENANT, "exercise", memory=SMALL, id="told")
            seen = []
            while "receipt" not in seen:
                event = connection.reply()["event"]
                if "told" in (event.get("container"), event.get("zone")):
                    seen.append(event["event"])
        order = ["container-created", "zone-wanted", "zone-plugged", "zone-online", "zone-bound", "container-started"]
        order += ["container-exited", "zone-draining", "zone-offline", "zone-returned", "receipt"]
        self.assertEqual([event for event in seen if event in order], order, seen)


if __name__ == "__main__":
    unittest.main()
