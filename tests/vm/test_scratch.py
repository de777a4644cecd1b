# SPDX-License-Identifier: Apache-2.0
"""Writable layers on a scratch disk, an ext4 on virtio-blk: they are not in the zone's memory, and are gone before the zone is, whatever a container leaves there and whenever
czoned is killed."""
import os
import subprocess
import tempfile
import time
import unittest

from case import MIB, SMALL, ZoneCase, again
from czone import HostDaemon, wait_for
from test_images import TOOLS
from vm import MicroVM
from wire import VarlinkError

LAYER = "/tmp/layer"
DISK = "/disk"
SCRATCH = f"{DISK}/scratch"
DISK_SIZE = 448 * MIB
# More than the zone has, and less than the disk.
MUCH = 320 * MIB
APPLETS = "cat dd echo ln ls mkdir mkfifo mv rm seq sh sleep touch"
PREPARE = f"""
mkdir -p {DISK} {LAYER}/bin && mount -t ext4 /dev/vda {DISK} && mkdir -p {SCRATCH} {DISK}/other && echo mine >{DISK}/other/file
cp /bin/busybox {LAYER}/bin/busybox; for name in {APPLETS}; do ln -s busybox {LAYER}/bin/$name; done
mkdir -p {LAYER}/etc/deep/er && echo low >{LAYER}/etc/name && echo low >{LAYER}/etc/deep/er/name
"""
# Deeper than a path can be long, wide, with links that lead out, and with whiteouts of what the layer has.
HOSTILE = """
rm -r /etc/deep /etc/name; mkdir /etc/deep
deep=$(printf 'd/%.0s' $(seq 800)); mkdir -p /one/$deep /two/$deep /three/$deep && touch /three/${deep}bottom && mv /three /two/$deep && mv /two /one/$deep || exit 1
mkdir -m 0 /closed; ln -s / /root; ln -s /disk/other /other; ln -s ../../../../../other /up; mkfifo /fifo; touch "/-rf" "/a
b"
mkdir /wide; cd /wide; for i in $(seq 200); do mkdir $i $i/in; echo $i >$i/in/file; ln -s ../../../other $i/out; done
"""


def make_disk(place):
    image = os.path.join(place, "ext4")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", image, f"{DISK_SIZE // MIB}M"], check=True, stderr=subprocess.DEVNULL, env=TOOLS)
    return image


class Scratch(ZoneCase):
    @classmethod
    def setUpClass(cls):
        place = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="czone-scratch."))
        vm = cls.enterClassContext(MicroVM(zones=[f"{SMALL // MIB}M"] * 2, disks=[make_disk(place)], modules=["ext4"]))
        cls.enterClassContext(HostDaemon(vm, "--max-zone", str(SMALL), "--max-total", str(2 * SMALL)))
        cls.use(vm)
        cls.guest.sh(PREPARE)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.left(), [])
        self.assertEqual(self.guest.sh(f"cat {DISK}/other/file; ls {DISK}"), "mine\nlost+found\nother\nscratch\n")

    def left(self):
        return self.guest.sh(f"ls -A {SCRATCH}").split()

    def used(self):
        """Bytes of the disk."""
        return int(self.guest.sh(f"sync; df -k {DISK} | awk 'END {{ print $3 }}'")) * 1024

    def spawn(self, script, **parameters):
        return self.daemon.spawn("/bin/sh", "-c", script, memory=SMALL, layers=[LAYER], scratch=SCRATCH, **parameters)

    def receipts(self, name):
        return self.daemon.call("io.czone.Zone.Receipts", container=name)["receipts"]

    def assert_returned(self, name):
        receipt = self.daemon.receipt(name)
        self.assertEqual((receipt["outcome"], receipt["host_bytes"], receipt["leftovers"]), ("returned", SMALL, []), receipt)
        return receipt

    def test_more_than_the_zone_has_fits_and_goes_with_the_container(self):
        before = self.used()
        name = self.spawn(f"dd if=/dev/zero of=/big bs=1M count={MUCH // MIB} 2>/dev/null && echo written; exec sleep 1000")
        self.daemon.wait_for_log(name, "written", 240)
        container = self.daemon.inspect(name)
        self.assertGreaterEqual(self.used() - before, MUCH)
        # What is in memory of it is page cache, and in its zone.
        kinds = self.guest.numa_stat(self.guest.cgroup_of(container["pid"]))
        self.assertLess(kinds["shmem"][container["node"]] + kinds["anon"][container["node"]], 8 * MIB)
        self.assertEqual(len(self.left()), 1)
        self.assertIn("overlay", self.guest.sh(f"cat /proc/{container['pid']}/mounts"))
        self.daemon.kill(name)
        self.assertEqual(self.daemon.wait(name)["exit_signal"], 9)
        self.assertEqual(self.left(), [])
        self.assertLess(self.used() - before, MIB)
        self.assertLess(self.assert_returned(name)["migrated_pages"], 1000)

    def test_czonectl_has_an_option_for_it(self):
        done = self.ctl.run(
            "run", "--memory", str(SMALL), "--rm", "--layer", LAYER, "--scratch", SCRATCH, "--", "/bin/sh", "-c", "cat /etc/name; echo new >/etc/name; cat /etc/name"
        )
        self.assertEqual((done.stdout, done.returncode), ("low\nnew\n", 0), done.stderr)
        self.assertEqual(self.guest.sh(f"cat {LAYER}/etc/name"), "low\n")

    def test_with_users_of_its_own_it_is_its_users(self):
        name = self.spawn("mkdir /mine && touch /mine/file && echo written; exec sleep 1000", userns={"mode": "auto", "owners": "kept"})
        self.daemon.wait_for_log(name, "written")
        owners = set(self.guest.sh(f"cd {SCRATCH}/*/u && stat -c %u . mine mine/file").split())
        self.assertEqual((len(owners), "0" in owners), (1, False), owners)
        self.daemon.kill(name)
        self.daemon.wait(name)
        self.assertEqual(self.left(), [])

    def test_a_full_disk_is_the_program_s_trouble_only(self):
        neighbour = self.daemon.spawn("/bin/sh", "-c", "sleep 1000", memory=SMALL)
        name = self.spawn("dd if=/dev/zero of=/big bs=1M 2>&1 | cat; echo alive; exec sleep 1000")
        self.daemon.wait_for_log(name, "alive", 240)
        self.assertIn("No space left on device", self.daemon.logs(name))
        self.assertEqual(self.daemon.inspect(neighbour)["state"], "running")
        self.daemon.kill(name)
        self.daemon.wait(name)
        self.assert_returned(name)
        self.assertEqual(self.left(), [])

    def test_a_hostile_tree_goes_and_nothing_else(self):
        name = self.spawn(HOSTILE + "echo built; exec sleep 1000")
        self.daemon.wait_for_log(name, "built", 240)
        self.daemon.kill(name)
        self.daemon.wait(name)
        self.assertEqual(self.left(), [])
        self.assert_returned(name)

    def test_czoned_killed_at_any_moment_leaves_nothing(self):
        for moment in ("running", "exited"):
            with self.subTest(moment):
                name = self.spawn(HOSTILE + "echo built; exec sleep 1000")
                self.daemon.wait_for_log(name, "built", 240)
                if moment == "exited":
                    self.daemon.kill(name)
                    self.daemon.wait(name, until="exited")
                self.guest.sh(self.KILL_CZONED)
                again(self.daemon.zones)
                again(lambda: self.wait_for_host(True))
                if moment == "running":
                    self.assertEqual((self.daemon.inspect(name)["state"], len(self.left())), ("running", 1))
                    self.daemon.kill(name)
                again(lambda: self.daemon.wait(name))
                self.assertEqual(self.left(), [])
                self.assertEqual(self.daemon.receipt(name)["outcome"], "returned")
                self.daemon.remove(name)

    def test_a_czoned_that_is_killed_again_and_again_leaves_nothing(self):
        name = self.spawn(HOSTILE + "echo built; exec sleep 1000")
        self.daemon.wait_for_log(name, "built", 240)
        self.daemon.kill(name)
        self.assertNotEqual(self.guest.sh(f"{self.KILL_CZONED}; ls -A {SCRATCH}"), "", "it is gone already")
        for _ in range(3):
            again(self.daemon.zones)
            self.guest.sh(self.KILL_CZONED)
        again(self.daemon.zones)
        again(lambda: self.wait_for_host(True))
        again(lambda: self.daemon.wait(name))
        self.assertEqual(self.left(), [])

    def test_a_start_that_czoned_was_killed_in_leaves_nothing(self):
        for delay in (0, 0.05, 0.1, 0.2):
            with self.subTest(delay):
                name = self.spawn("exit 5")
                self.guest.sh(f"sleep {delay}; {self.KILL_CZONED}")
                again(self.daemon.zones)
                again(lambda: self.wait_for_host(True))
                container = again(lambda: self.daemon.wait(name))
                self.assertEqual(container.get("exit_status"), 5, container)
                self.assertEqual(self.left(), [])
                self.daemon.remove(name)

    def test_a_disk_that_hangs_keeps_no_memory(self):
        name = self.spawn("touch /file; echo written; exec sleep 1000")
        self.daemon.wait_for_log(name, "written")
        self.guest.sh(f"fsfreeze --freeze {DISK}")
        try:
            self.daemon.kill(name)
            self.daemon.wait(name, until="exited")
            # The zone waits, but not for ever.
            time.sleep(5)
            self.assertEqual(self.receipts(name), [])
            wait_for(lambda: self.receipts(name), "the memory is back", 90)
            self.assert_returned(name)
            self.assertEqual((self.daemon.inspect(name)["state"], len(self.left())), ("exited", 1))
        finally:
            self.guest.sh(f"fsfreeze --unfreeze {DISK}")
        self.assertEqual(self.daemon.wait(name)["exit_signal"], 9)
        self.assertEqual(self.left(), [])

    def test_what_is_left_from_before_a_boot_is_removed(self):
        old = f"{SCRATCH}/czone.11111111-2222-3333-4444-555555555555.0123456789abcdef"
        self.guest.sh(f"mkdir -p {old}/u/etc {old}/w/work")
        name = self.spawn("echo here; exec sleep 1000")
        self.daemon.wait_for_log(name, "here")
        wait_for(lambda: self.guest.run(f"ls {old}").status != 0, "the old directory is gone")
        self.assertEqual(len(self.left()), 1)
        self.daemon.kill(name)
        self.daemon.wait(name)

    def test_what_will_not_do_is_refused_by_name(self):
        lower = f"{DISK}/other/lower"
        self.guest.sh(f"mkdir -p {lower}/in")
        for what, parameters, words in (
            ("in memory", {"scratch": "/tmp"}, ("/tmp", "file system tmpfs", "ext4")),
            ("missing", {"scratch": f"{DISK}/none"}, (f"{DISK}/none",)),
            ("no directory", {"scratch": f"{DISK}/other/file"}, (f"{DISK}/other/file",)),
            ("inside a layer", {"scratch": f"{lower}/in", "layers": [LAYER, lower]}, (f"{lower}/in", f"inside layer {lower}")),
            ("a layer", {"scratch": lower, "layers": [LAYER, lower]}, ("inside layer",)),
            ("with a limit", {"scratch": SCRATCH, "writable": MIB}, ("writable", SCRATCH)),
            ("without layers", {"scratch": SCRATCH, "layers": None}, ("without layers",)),
        ):
            with self.subTest(what):
                with self.assertRaises(VarlinkError) as refused:
                    self.daemon.spawn("/bin/sh", memory=SMALL, **{"layers": [LAYER], **parameters})
                self.assertEqual(refused.exception.error, "org.varlink.service.InvalidParameter")
                for word in words:
                    self.assertIn(word, str(refused.exception.parameters))
                self.assertEqual(self.daemon.containers(), [])
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
