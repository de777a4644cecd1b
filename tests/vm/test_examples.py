# SPDX-License-Identifier: Apache-2.0
"""The examples that use libczone without czoned, in a guest that has none: zone-run, and the OCI hook with a runtime from Debian."""
import json
import os
import subprocess
import tempfile
import unittest

from case import MIB, TENANT, programs
from czone import wait_for
from vm import BUILD, MicroVM, script

SMALL = 256 * MIB
HOOK = "/usr/libexec/czone/czone-oci-hook"


def runc():
    """Debian's runc, unpacked, not installed."""
    return os.path.join(script("debian", "bookworm", "unpack", "runc"), "usr", "sbin", "runc")


def oci_config(path):
    """A bundle's config.json as runc writes it, with the hook of the README in it."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([runc(), "spec"], cwd=directory, check=True)
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    config["process"]["terminal"] = False
    config["process"]["args"] = [TENANT, "sit", str(100 * MIB)]
    config["annotations"] = {"io.czone.memory": str(SMALL)}
    config["hooks"] = {"createRuntime": [{"path": HOOK}], "poststop": [{"path": HOOK}]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        config = os.path.join(cls.directory.name, "config.json")
        oci_config(config)
        add = {
            **programs(),
            os.path.join(BUILD, "examples", "zone-run", "zone-run"): "/usr/bin/zone-run",
            os.path.join(BUILD, "examples", "oci-hook", "czone-oci-hook"): HOOK,
            runc(): "/usr/bin/runc",
            config: "/opt/bundle/config.json",
        }
        cls.vm = cls.enterClassContext(MicroVM(zones=["384M"], dimm_nodes=1, memory="640M", build=None, add=add))
        cls.guest = cls.vm.guest
        # Without czoned somebody has to tell a kernel that onlines by itself (Debian's 6.12) to leave that to libczone.
        cls.guest.sh("echo offline >/sys/devices/system/memory/auto_online_blocks")

    def plug(self, size):
        self.vm.monitor.execute(
            "qom-set", path="/machine/peripheral/zone1", property="requested-size", value=size
        )
        wait_for(lambda: self.vm.monitor.plugged() == size, f"{size} bytes are plugged", 30)

    def setUp(self):
        self.plug(SMALL)
        wait_for(lambda: len([s for s in self.guest.blocks().values() if s == "offline"]) == 2, "two blocks are there")

    def tearDown(self):
        offline = self.guest.nodes() == [0]
        if not offline:
            # The next test is to find the memory as this one should have left it.
            self.guest.sh("killall -KILL tenant; sleep 2; for b in /sys/devices/system/node/node1/memory*; do echo offline >$b/state; done; true")
        self.plug(0)
        self.assertTrue(offline, "the zone is offline")

    def tenant_memory(self):
        """{node: bytes} of the anonymous memory of the cgroup the tenant is in."""
        pid = self.guest.sh("pidof tenant").split()[-1]
        stat = self.guest.numa_stat(self.guest.cgroup_of(pid))
        return {node: size for node, size in stat["anon"].items() if size}

    def test_zone_run_runs_a_command_in_a_zone_and_leaves_it_offline(self):
        status, output = self.guest.run(f"zone-run --memory 256M --verbose -- {TENANT} exercise")
        self.assertEqual(status, 0, output)
        self.assertIn("exercised", output)

    def test_zone_run_passes_the_exit_status_on(self):
        status, output = self.guest.run("zone-run --memory 128M -- /bin/sh -c 'exit 7'")
        self.assertEqual(status, 7, output)

    def test_memory_of_the_command_is_on_the_zone(self):
        self.guest.sh(
            f"setsid zone-run --memory 256M -- {TENANT} sit {100 * MIB} >/tmp/zone-run.log 2>&1 &\n"
            "for i in $(seq 300); do grep -q ready /tmp/zone-run.log && exit; sleep 0.1; done; cat /tmp/zone-run.log; exit 1"
        )
        where = self.tenant_memory()
        self.assertGreaterEqual(where.get(1, 0) / sum(where.values()), 0.995, where)
        self.guest.sh("killall -KILL tenant")
        wait_for(lambda: self.guest.nodes() == [0], "zone-run takes the zone offline", 30)

    def test_zone_run_without_room_says_so(self):
        status, output = self.guest.run("zone-run --memory 8G -- /bin/true")
        self.assertNotEqual(status, 0)
        self.assertIn("zone-run", output)

    def test_a_container_of_runc_lives_in_a_zone_through_the_hook(self):
        self.guest.sh(
            "mkdir -p /opt/bundle/rootfs/bin /opt/bundle/rootfs/opt && cp /bin/busybox /opt/bundle/rootfs/bin/ && "
            f"cp {TENANT} /opt/bundle/rootfs{TENANT}; cd /opt/bundle && "
            "(setsid runc run tenant >/tmp/runc.log 2>&1 &)\n"
            "for i in $(seq 600); do grep -q ready /tmp/runc.log && exit; sleep 0.1; done; cat /tmp/runc.log; exit 1"
        )
        where = self.tenant_memory()
        self.assertGreaterEqual(where.get(1, 0) / sum(where.values()), 0.995, where)
        self.guest.sh("runc kill tenant KILL")
        wait_for(lambda: self.guest.nodes() == [0], f"the hook takes the zone offline\n{self.guest.read('/tmp/runc.log')}", 60)


if __name__ == "__main__":
    unittest.main()
