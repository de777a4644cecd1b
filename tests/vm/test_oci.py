# SPDX-License-Identifier: Apache-2.0
"""czone-oci in a guest: the life of a container through the command line of an OCI runtime, with its memory in a zone of its own."""
import base64
import json
import os
import unittest

from case import SMALL, ZoneCase
from czone import wait_for

GENERATED = os.path.join(os.path.dirname(__file__), "..", "fuzz", "corpus", "oci_config", "crun-1.8.1")
BUNDLE = "/tmp/oci-bundle"


class Oci(ZoneCase):
    def setUp(self):
        super().setUp()
        self.guest.sh(
            f"mkdir -p {BUNDLE}/rootfs/bin {BUNDLE}/rootfs/tmp && cp /bin/busybox {BUNDLE}/rootfs/bin/ && "
            f"for name in sh cat sleep; do ln -sf busybox {BUNDLE}/rootfs/bin/$name; done"
        )

    def tearDown(self):
        self.guest.run("for id in $(ls /run/czone-oci); do czone-oci delete --force $id; done")
        super().tearDown()
        self.guest.sh(f"rm -rf {BUNDLE} /run/czone-oci")

    def write(self, *args):
        with open(GENERATED, encoding="utf-8") as file:
            config = json.load(file)
        config["process"].update(args=list(args), terminal=False)
        config["linux"]["resources"]["memory"] = {"limit": SMALL}
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        self.guest.sh(f"echo {encoded} | base64 -d >{BUNDLE}/config.json")

    def create(self, name):
        self.guest.sh(
            f"czone-oci create --bundle {BUNDLE} --pid-file {BUNDLE}/pid {name} </dev/null >{BUNDLE}/out 2>{BUNDLE}/err || "
            f"{{ cat {BUNDLE}/err; false; }}"
        )

    def run_container(self, name):
        self.write("sleep", "1000")
        self.create(name)
        self.guest.sh(f"czone-oci start {name}")

    def status(self, name):
        return json.loads(self.guest.sh(f"czone-oci state {name}"))["status"]

    def test_a_container_lives_as_the_specification_says(self):
        self.write("sh", "-c", "echo to stdout; echo to stderr >&2; exec sleep 1000")
        self.create("web")
        self.assertEqual(self.status("web"), "created")
        container = self.daemon.inspect("web")
        self.assertEqual((container["state"], container["pid"], container["memory"]), ("created", 0, SMALL))
        self.assertEqual(self.monitor.plugged(), SMALL)
        self.assertEqual(self.guest.read(f"{BUNDLE}/out"), "")
        self.guest.sh("czone-oci start web")
        self.assertEqual(self.status("web"), "running")
        wait_for(lambda: "to stdout" in self.guest.read(f"{BUNDLE}/out"), "standard output arrives", 20)
        wait_for(lambda: "to stderr" in self.guest.sh(f"cat {BUNDLE}/out {BUNDLE}/err"), "standard error arrives", 20)
        stand_in = self.guest.read(f"{BUNDLE}/pid")
        self.assertIn("czone-oci", self.guest.read(f"/proc/{stand_in}/cmdline"))
        self.assertNotEqual(self.guest.run("czone-oci delete web").status, 0)
        self.guest.sh("czone-oci kill web KILL")
        wait_for(lambda: self.status("web") == "stopped", "the container has stopped", 20)
        wait_for(lambda: self.guest.run(f"test -e /proc/{stand_in}/cwd").status != 0, "the stand-in has ended", 20)
        self.guest.sh("czone-oci delete web")
        self.assertNotEqual(self.guest.run("czone-oci state web").status, 0)
        self.assertEqual(self.monitor.plugged(), 0)

    def test_more_programs_run_in_a_container(self):
        self.run_container("web")
        done = self.guest.run(f"echo input | czone-oci exec --cwd /tmp --env A=b web sh -c 'cat; pwd; echo $A; echo to stderr >&2; exit 3' 2>{BUNDLE}/err")
        self.assertEqual(done, (3, "input\n/tmp\nb\n"))
        self.assertEqual(self.guest.read(f"{BUNDLE}/err"), "to stderr")
        process = json.dumps({"args": ["cat", "/proc/self/status"], "cwd": "/", "user": {"uid": 5, "gid": 6, "additionalGids": [7, 8]}})
        self.guest.sh(f"echo '{process}' >{BUNDLE}/process")
        ids = dict(line.split(":\t", 1) for line in self.guest.sh(f"czone-oci exec --process {BUNDLE}/process web").splitlines())
        self.assertEqual((ids["Uid"].split()[0], ids["Gid"].split()[0], ids["Groups"].split()), ("5", "6", ["7", "8"]))
        done = self.guest.run(f"czone-oci exec --detach --pid-file {BUNDLE}/exec.pid web no-such-program 2>&1; test -e {BUNDLE}/exec.pid || exit 9")
        self.assertEqual(done.status, 9)
        self.assertIn("executable file not found", done.output)

    def test_a_detached_program_has_a_process_that_stands_for_it(self):
        self.run_container("web")
        pid = self.guest.sh(f"czone-oci exec --detach --pid-file {BUNDLE}/exec.pid web sleep 1000 >/dev/null; cat {BUNDLE}/exec.pid")
        self.assertIn("czone-oci", self.guest.read(f"/proc/{pid}/cmdline"))
        # As podman and containerd end an exec.
        self.guest.sh(f"kill -TERM {pid}")
        wait_for(lambda: self.guest.run(f"test -e /proc/{pid}/cwd").status != 0, "the stand-in has ended", 20)
        session = self.daemon.call("io.czone.Container.Wait", id="web", exec="1")["exec"]
        self.assertEqual(session["exit_signal"], 15)
        self.assertEqual(self.status("web"), "running")

    def test_input_output_and_status_pass_a_czoned_that_is_killed(self):
        self.run_container("web")
        done = self.guest.run(
            f"mkfifo {BUNDLE}/input; czone-oci exec web sh -c 'while read x; do echo got $x; done; exit 7' <{BUNDLE}/input & "
            f"exec 3>{BUNDLE}/input; echo one >&3; {self.KILL_CZONED}; echo two >&3; sleep 1; echo three >&3; exec 3>&-; wait $!"
        )
        self.assertEqual(done, (7, "got one\ngot two\ngot three\n"))
        self.wait_for_host(True)

    def test_a_create_that_was_killed_leaves_nothing_that_delete_does_not_find(self):
        self.write("cat")
        for delay in ("0", "0.03", "0.1"):
            # Before the host has plugged anything, or after.
            self.guest.sh(f"czone-oci create --bundle {BUNDLE} web </dev/null >/dev/null 2>&1 & sleep {delay}; kill -KILL $!; true")
            self.guest.sh("czone-oci delete --force web")
            self.assertEqual(self.daemon.containers(), [], f"after {delay} s")

    def test_what_is_held_can_be_killed_and_deleted(self):
        self.write("cat")
        self.create("one")
        self.guest.sh("czone-oci kill one KILL")
        self.assertEqual(self.status("one"), "stopped")
        self.guest.sh("czone-oci delete one")
        self.create("two")
        self.guest.sh("czone-oci delete --force two")
        self.assertEqual(self.daemon.containers(), [])

    def test_what_cannot_be_created_or_started_is_told_and_leaves_nothing(self):
        self.write("no-such-program")
        done = self.guest.run(f"czone-oci create --bundle {BUNDLE} bad </dev/null 2>&1")
        self.assertNotEqual(done.status, 0)
        self.assertIn("no-such-program", done.output)
        self.assertEqual(self.daemon.containers(), [])
        self.assertEqual(self.guest.sh("ls /run/czone-oci"), "")


if __name__ == "__main__":
    unittest.main()
