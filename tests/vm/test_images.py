# SPDX-License-Identifier: Apache-2.0
"""Layers that are images on block devices: EROFS, squashfs and ext4 as their own tools make them, on virtio-blk disks; and damaged ones."""
import os
import shutil
import subprocess
import tempfile
import unittest
from dataclasses import dataclass

from case import MIB, SMALL, ZoneCase
from czone import HostDaemon
from vm import MicroVM
from wire import VarlinkError

ZONE = 256 * MIB
BLOCK = 4096
# Programs of e2fsprogs are where only root looks.
TOOLS = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
MAKE = {
    "erofs": ["mkfs.erofs", "{image}", "{tree}"],
    "squashfs": ["mksquashfs", "{tree}", "{image}", "-quiet", "-no-progress"],
    "ext4": ["mke2fs", "-q", "-t", "ext4", "-d", "{tree}", "{image}", "8M"],
}
DISKS = {kind: f"/dev/vd{letter}" for kind, letter in zip(MAKE, "abc")}
APPLETS = ("cat", "echo", "ls", "sh", "touch")


def make_images(place):
    """An image of each kind, with a busybox and its own name in /name."""
    images = []
    for kind, command in MAKE.items():
        tree, image = os.path.join(place, f"{kind}.tree"), os.path.join(place, kind)
        os.makedirs(os.path.join(tree, "bin"))
        os.makedirs(os.path.join(tree, f"only-{kind}"))
        shutil.copy(shutil.which("busybox"), os.path.join(tree, "bin", "busybox"))
        for applet in APPLETS:
            os.symlink("busybox", os.path.join(tree, "bin", applet))
        with open(os.path.join(tree, "name"), "w", encoding="ascii") as file:
            file.write(kind + "\n")
        subprocess.run([word.format(tree=tree, image=image) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=TOOLS)
        # A disk has whole sectors, and room for the kernel's look behind the end.
        os.truncate(image, (os.path.getsize(image) + BLOCK) // BLOCK * BLOCK)
        images.append(image)
    return images


@dataclass
class Damage:
    what: str
    kind: str
    # Run in the guest, where $image is a copy of the image.
    script: str
    # The error, and what its message says besides the device.
    error: str
    words: str


ZEROS = "dd if=/dev/zero of=$image conv=notrunc bs={} count={} seek={} 2>/dev/null"
DAMAGES = [
    *(Damage("nothing but zeros", kind, ZEROS.format(BLOCK, 1, 0), "NoSuchLayer", "neither an EROFS, a squashfs nor an ext4 image") for kind in MAKE),
    Damage("a superblock that is damaged behind its magic number", "erofs", ZEROS.format(4, 20, 257), "NoSuchLayer", "damaged"),
    Damage("a superblock that is damaged behind its magic number", "squashfs", ZEROS.format(4, 20, 1), "NoSuchLayer", "damaged"),
    Damage("a superblock that is damaged behind its magic number", "ext4", ZEROS.format(4, 10, 256), "NoSuchLayer", "damaged"),
    Damage("the end is missing", "squashfs", f"truncate -s {64 * BLOCK} $image", "NoSuchLayer", "damaged"),
    Damage("the end is missing", "ext4", f"truncate -s {64 * BLOCK} $image", "NoSuchLayer", "damaged"),
]


class Images(ZoneCase):
    @classmethod
    def setUpClass(cls):
        place = tempfile.mkdtemp(prefix="czone-images.")
        cls.addClassCleanup(shutil.rmtree, place)
        modules = ["loop", "erofs", "squashfs", "ext4"]
        vm = cls.enterClassContext(MicroVM(zones=[f"{ZONE // MIB}M"], disks=make_images(place), modules=modules))
        cls.enterClassContext(HostDaemon(vm, "--max-zone", str(ZONE), "--max-total", str(ZONE)))
        cls.use(vm)
        cls.wait_for_host(True)

    def sh(self, script, *layers):
        name = self.daemon.spawn("/bin/sh", "-c", script, memory=SMALL, layers=list(layers))
        container = self.daemon.wait(name)
        log = self.daemon.logs(name)
        self.assertEqual(container.get("exit_status"), 0, f"{container}\n{log}")
        return log

    def test_an_image_alone_is_a_root_that_stays_as_it_is(self):
        for kind, disk in DISKS.items():
            with self.subTest(kind):
                before = self.guest.sh(f"md5sum {disk}")
                for _ in range(2):
                    script = "cat /name; echo new >/name; touch /bin/new; cat /name; ls -d /only-*"
                    self.assertEqual(self.sh(script, disk), f"{kind}\nnew\n/only-{kind}\n")
                self.assertEqual(self.guest.sh(f"md5sum {disk}"), before)

    def test_images_of_all_kinds_and_directories_are_one_tree(self):
        self.guest.sh("mkdir -p /tmp/directory/only-directory")
        layers = [*DISKS.values(), "/tmp/directory"]
        self.assertEqual(self.sh("cat /name; echo /only-*", *layers), "ext4\n/only-directory /only-erofs /only-ext4 /only-squashfs\n")
        self.assertEqual(self.sh("cat /name", *reversed(layers)), "erofs\n")

    def test_an_image_on_a_loop_device_is_one(self):
        self.guest.sh("cat /dev/vda >/tmp/image && losetup -r /dev/loop0 /tmp/image")
        self.addCleanup(self.guest.sh, "losetup -d /dev/loop0; rm /tmp/image")
        self.assertEqual(self.sh("cat /name", "/dev/loop0"), "erofs\n")

    def test_a_damaged_image_is_refused_and_named(self):
        for damage in DAMAGES:
            with self.subTest(what=damage.what, kind=damage.kind):
                self.guest.sh(f"image=/tmp/image; cat {DISKS[damage.kind]} >$image && {damage.script} && losetup -r /dev/loop0 $image")
                try:
                    with self.assertRaises(VarlinkError) as refused:
                        self.daemon.spawn("/bin/sh", memory=SMALL, layers=["/dev/loop0"])
                finally:
                    self.guest.sh("losetup -d /dev/loop0; rm /tmp/image")
                self.assertEqual(refused.exception.error, "io.czone.Container." + damage.error)
                self.assertIn("/dev/loop0", refused.exception.parameters["message"])
                self.assertIn(damage.words, refused.exception.parameters["message"])
                self.assertEqual(self.daemon.containers(), [])

    def test_an_image_whose_content_is_damaged_starts_nothing(self):
        """What a mount does not notice, reading does: the program is not what it was."""
        for kind, disk in DISKS.items():
            with self.subTest(kind):
                half = int(self.guest.sh(f"wc -c <{disk}")) // BLOCK // 2
                junk = f"dd if=/dev/urandom of=/tmp/image conv=notrunc bs={BLOCK} seek=16 count={half} 2>/dev/null"
                self.guest.sh(f"cat {disk} >/tmp/image && {junk} && losetup -r /dev/loop0 /tmp/image")
                try:
                    ended = self.end_of_a_start("/dev/loop0")
                finally:
                    self.guest.sh("losetup -d /dev/loop0; rm /tmp/image")
                self.assertIn(ended, ("NoSuchLayer", "NoSuchProgram", "NotExecutable", "System", "died"))

    def end_of_a_start(self, layer):
        try:
            name = self.daemon.spawn("/bin/sh", "-c", "exit 0", memory=SMALL, layers=[layer])
        except VarlinkError as refused:
            return refused.error.rsplit(".", 1)[1]
        container = self.daemon.wait(name)
        self.daemon.remove(name)
        self.assertNotEqual(container.get("exit_status"), 0, container)
        return container["failure"]["id"].rsplit(".", 1)[1] if container["state"] == "failed" else "died"


if __name__ == "__main__":
    unittest.main()
