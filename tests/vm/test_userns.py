# SPDX-License-Identifier: Apache-2.0
"""Containers with users of their own: root inside, nobody outside; their files, exec, a restart; and no attempt gets out of one."""
import base64
import json
import re
import unittest

import test_isolation
from case import SMALL, ZoneCase
from czone import wait_for
from test_bundle import generated
from test_restart import again
from wire import VarlinkError

AUTO = {"mode": "auto"}
COUNT = 65536
DISK = "/tmp/image-of-a-root"
# On a disk with ext4, which every kernel can map.
PLACE = "/srv/mapped"
ROOT = PLACE + "/root"
RAMFS, TMPFS = PLACE + "/ramfs", PLACE + "/tmpfs"
BUSYBOX = ("sh", "cat", "chown", "id", "ls", "mkdir", "sleep", "stat", "touch")


def make_disk(guest, root):
    guest.sh(
        f"mkdir -p {root} && dd if=/dev/zero of={DISK} bs=1M count=16 2>/dev/null && mke2fs -F {DISK} >/dev/null 2>&1 && "
        f"mount -t ext4 -o loop {DISK} {root}"
    )


def drop_disk(guest, root):
    guest.sh(f"umount {root}; rm -rf {root} {DISK}")


class Users(ZoneCase):
    def setUp(self):
        super().setUp()
        make_disk(self.guest, PLACE)
        self.guest.sh(
            f"mkdir {ROOT} && cd {ROOT} && mkdir bin etc tmp home && cp /bin/busybox bin && chown 1000:1000 home && echo joe:x:1000:1000::/home:/bin/sh >etc/passwd && "
            f"for name in {' '.join(BUSYBOX)}; do ln -s busybox bin/$name; done && echo secret >etc/secret && chmod 600 etc/secret"
        )

    def tearDown(self):
        for container in self.daemon.containers():
            self.daemon.remove(container["id"], force=True)
        self.assertEqual(len(set(self.namespaces().values())), 1, "a user namespace is left")
        self.guest.sh(f"umount {RAMFS} {TMPFS} 2>/dev/null; true")
        drop_disk(self.guest, PLACE)
        super().tearDown()

    def start(self, script, **parameters):
        name = self.daemon.spawn("sh", "-c", f"{script}\necho ready; exec sleep 1000", memory=SMALL, **{"userns": AUTO, "root": ROOT, **parameters})
        self.daemon.wait_for_log(name, "ready")
        return name

    def first(self, name):
        """The guest's id that 0 of the container stands for."""
        userns = self.daemon.inspect(name)["userns"]
        self.assertEqual(userns["uids"], userns["gids"])
        (ids,) = userns["uids"]
        self.assertEqual((userns["mode"], ids["inside"], ids["count"]), ("auto", 0, COUNT))
        return ids["outside"]

    def outside(self, pid):
        """[uid, gid] of a process as the guest knows them."""
        fields = dict(line.split(":", 1) for line in self.guest.read(f"/proc/{pid}/status").splitlines())
        return [int(fields[name].split()[0]) for name in ("Uid", "Gid")]

    def lines(self, name):
        return [line for line in self.daemon.logs(name).splitlines() if line != "ready"]

    def test_root_inside_is_nobody_outside_and_no_two_share_an_id(self):
        names = [self.start("id -u; stat -c %u:%g / /etc/secret /home; cat /etc/secret; touch /tmp/by-$HOSTNAME", env=[f"HOSTNAME={i}"]) for i in range(3)]
        firsts = [self.first(name) for name in names]
        self.assertEqual(len({first // COUNT for first in firsts}), 3, firsts)
        for i, name in enumerate(names):
            self.assertEqual(self.lines(name), ["0", "0:0", "0:0", "1000:1000", "secret"])
            pid = self.daemon.inspect(name)["pid"]
            self.assertEqual(self.outside(pid), [firsts[i], firsts[i]])
            self.assertNotEqual(self.guest.sh(f"readlink /proc/{pid}/ns/user"), self.guest.sh("readlink /proc/1/ns/user"))
            # Nothing was chowned, and what it wrote is root's where it is mounted without a map.
            self.assertEqual(self.guest.sh(f"stat -c %u:%g {ROOT}/tmp/by-{i} {ROOT}/etc/secret").split(), ["0:0", "0:0"])
        self.daemon.remove(names[1], force=True)
        again_free = self.start("true")
        self.assertEqual(self.first(again_free), firsts[1], "an ended container's ids are free again")

    def test_a_user_of_it_and_one_more_program_in_it(self):
        name = self.start("id -u; touch /home/file", user="joe")
        first = self.first(name)
        self.assertEqual(self.outside(self.daemon.inspect(name)["pid"]), [first + 1000, first + 1000])
        self.assertEqual(self.guest.sh(f"stat -c %u:%g {ROOT}/home/file").strip(), "1000:1000")
        self.assertEqual(self.ctl.text("exec", "--user", "0", name, "sh", "-c", "id -u; cat /etc/secret").split(), ["0", "secret"])
        self.daemon.call("io.czone.Container.Exec", id=name, args=["sleep", "1000"], user="7:8")
        pid = wait_for(lambda: self.other_pid(self.daemon.inspect(name)["pid"]), "the session runs")
        wait_for(lambda: self.outside(pid) == [first + 7, first + 8], lambda: f"the session is its user: {self.outside(pid)}", 10)
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.spawn("id", memory=SMALL, root=ROOT, userns=AUTO, user=str(COUNT))
        self.assertEqual(caught.exception.error, "io.czone.Container.NoSuchUser")

    def namespaces(self):
        """{pid: its user namespace}."""
        links = self.guest.sh("ls -l /proc/[0-9]*/ns/user 2>/dev/null; true")
        return {int(pid): name for pid, name in re.findall(r"/proc/(\d+)/ns/user -> (user:\[\d+\])", links)}

    def other_pid(self, pid):
        """The one other process in the user namespace of this one; None as long as there is none."""
        found = self.namespaces()
        (other,) = {number for number, name in found.items() if name == found[pid]} - {pid} or {None}
        return other

    def test_a_restart_keeps_who_has_which_ids(self):
        names = [self.start("true") for _ in range(2)]
        firsts = [self.first(name) for name in names]
        self.daemon.remove(names[0], force=True)
        self.guest.sh("kill -KILL $(pidof czoned | tr ' ' '\\n' | sort -n | head -n 1)")
        again(self.daemon.zones)
        again(lambda: self.wait_for_host(True))
        self.assertEqual(self.first(names[1]), firsts[1])
        self.assertEqual(self.ctl.text("exec", names[1], "id", "-u").strip(), "0")
        self.assertEqual([self.first(self.start("true")) for _ in range(2)], [firsts[0], firsts[1] + COUNT])

    def test_layers_are_its_roots(self):
        self.guest.sh(f"mkdir -p {PLACE}/high/etc && echo above >{PLACE}/high/etc/secret && chmod 600 {PLACE}/high/etc/secret")
        script = "cat /etc/secret; stat -c %u:%g / /etc /etc/secret /home; echo x >>/etc/secret && touch /new && stat -c %u:%g /etc/secret /new"
        for layers, secret in ([ROOT], "secret"), ([ROOT, f"{PLACE}/high"], "above"):
            name = self.start(script, root=None, layers=layers)
            self.assertEqual(self.lines(name), [secret, "0:0", "0:0", "0:0", "1000:1000", "0:0", "0:0"])
        self.assertEqual(self.guest.sh(f"cat {PLACE}/high/etc/secret; ls {ROOT}").split(), ["above", *sorted(("bin", "etc", "home", "tmp"))])

    def test_its_memory_is_in_its_zone(self):
        name = self.hold(SMALL, 60, userns=AUTO)
        self.wait_ready(name)
        verification = self.daemon.verify(self.daemon.inspect(name)["zone"])
        self.assertTrue(verification["exclusive"], verification)
        self.assert_unharmed(name)

    def maps_tmpfs(self):
        release = self.guest.sh("uname -r").split(".")
        return (int(release[0]), int(release[1].split("-")[0])) >= (6, 3)

    def test_the_guests_own_root_belongs_to_nobody_in_it_unless_it_can_be_mapped(self):
        """It is a tmpfs here, which kernels can map since 6.3. In its network its root may take port 80."""
        script = (
            "id -u; stat -c %u:%g /bin/busybox /tmp /run /dev /dev/null; touch /tmp/x; stat -c %u:%g /tmp/x; "
            "nc -l -p 80 </dev/null >/tmp/heard & sleep 1; echo hello | nc 127.0.0.1 80; wait; cat /tmp/heard"
        )
        name = self.start(script, root=None, network={"mode": "none"})
        own = "0:0" if self.maps_tmpfs() else "65534:65534"
        self.assertEqual(self.lines(name), ["0", own, "0:0", "0:0", "0:0", "0:0", "0:0", "hello"])

    def test_what_cannot_be_mapped_is_refused_before_memory_is_asked_for(self):
        # A ramfs is what an initramfs is on, and no kernel maps it.
        self.guest.sh(
            f"mkdir {RAMFS} {TMPFS} && mount -t ramfs ramfs {RAMFS} && mount -t tmpfs tmpfs {TMPFS} && "
            f"mkdir {RAMFS}/bin && cp /bin/busybox {RAMFS}/bin/sh"
        )
        self.assert_refused("root", root=RAMFS)
        self.assert_refused("layers", root=None, layers=[ROOT, RAMFS])
        self.assert_refused("mounts", mounts=[{"type": "bind", "source": RAMFS, "target": "/mnt"}])
        done = self.ctl.run("run", "--memory", str(SMALL), "--userns", "auto", "--mount", f"{RAMFS}:/mnt", "--root", ROOT, "--", "id")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"owners of {RAMFS} can't be mapped", done.stderr)
        self.assertIn("kept", done.stderr)
        bind = {"type": "bind", "source": TMPFS, "target": "/mnt", "read_only": False}
        self.start("ls /mnt", mounts=[{**bind, "owners": "kept"}])
        if not self.maps_tmpfs():
            self.assert_refused("mounts", mounts=[bind])
            return
        self.start("touch /mnt/file", mounts=[bind])
        self.assertEqual(self.guest.sh(f"stat -c %u:%g {TMPFS}/file").strip(), "0:0")

    def assert_refused(self, parameter, **parameters):
        before = self.daemon.containers()
        with self.assertRaises(VarlinkError) as caught:
            self.daemon.spawn("sh", memory=SMALL, **{"userns": AUTO, "root": ROOT, **parameters})
        self.assertEqual(caught.exception.error, "org.varlink.service.InvalidParameter")
        self.assertEqual(caught.exception.parameters["parameter"], parameter)
        self.assertEqual(self.daemon.containers(), before)

    def test_a_mount_whose_owners_are_kept_is_not_its_roots(self):
        """The same container without users of its own reads and writes there: that is what they are for."""
        self.guest.sh("mkdir -p /srv/kept && echo of the guest >/srv/kept/file && chmod 600 /srv/kept/file")
        self.addCleanup(self.guest.sh, "rm -rf /srv/kept")
        script = "cat /kept/file || echo refused; echo x >>/kept/file || echo refused"
        mounts = [{"type": "bind", "source": "/srv/kept", "target": "/kept", "read_only": False, "owners": "kept"}]
        self.assertEqual(self.lines(self.start(f"( {script} ) 2>/dev/null", mounts=mounts)), ["refused", "refused"])
        self.assertEqual(self.lines(self.start(f"( {script} ) 2>/dev/null", mounts=mounts, userns=None)), ["of the guest"])

    def test_a_bundle_with_mappings(self):
        bundle = PLACE + "/bundle"
        config = generated("runc-1.1.5")
        config["linux"]["namespaces"].append({"type": "user"})
        for key in ("uidMappings", "gidMappings"):
            config["linux"][key] = [{"containerID": 0, "hostID": 300000, "size": 1000}]
        config["mounts"].append({"destination": "/mapped", "type": "bind", "source": "mapped", "options": ["bind", "ridmap"]})
        config["process"]["args"] = ["/bin/sh", "-c", "id -u; cat /proc/self/uid_map; stat -c %u / /mapped/file; touch /mapped/new && cat /etc/secret"]
        config["process"]["terminal"] = False
        config["root"]["readonly"] = False
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        # As an engine does it that makes such bundles: the root is chowned.
        self.guest.sh(
            f"mkdir -p {bundle}/rootfs {bundle}/mapped && cd {bundle} && cp -a ../root/bin ../root/etc rootfs && touch mapped/file && "
            f"chown -R 300000:300000 rootfs && echo {encoded} | base64 -d >config.json"
        )
        done = self.ctl.run("run", "--rm", "--bundle", bundle, "--memory", str(SMALL))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.split(), ["0", "0", "300000", "1000", "0", "0", "secret"])
        self.assertEqual(self.guest.sh(f"stat -c %u {bundle}/mapped/new").strip(), "0")

    def test_the_command_line(self):
        text = self.ctl.text("run", "--rm", "--memory", str(SMALL), "--root", ROOT, "--userns", "uids=0:400000:10,uids=10:0:1", "--", "cat", "/proc/self/uid_map", "/proc/self/gid_map")
        self.assertEqual(text.split(), ["0", "400000", "10", "10", "0", "1"] * 2)


class IsolationOfUsers(test_isolation.Isolation):
    """All attempts of the table once more, by a root that is nobody outside; some rows are about just that."""

    rows = test_isolation.ROWS + [
        test_isolation.Row("who rules", f"rule=/proc/self/ns/{kind}", {"EPERM"}) for kind in ("mnt", "pid", "ipc", "uts", "cgroup", "net")
    ]
    table = []
    test_no_image_and_no_request_leads_astray = None
    test_a_root_whose_proc_is_exchanged_meanwhile_leads_nowhere = None
    test_checkpoints_are_not_offered = None

    def plant(self):
        make_disk(self.guest, test_isolation.ROOT)
        super().plant()

    def uproot(self):
        drop_disk(self.guest, test_isolation.ROOT)

    def inside(self, verbs, **parameters):
        return super().inside(verbs, userns=AUTO, **parameters)


if __name__ == "__main__":
    unittest.main()
