# SPDX-License-Identifier: Apache-2.0
"""What containers are made of beside program and memory: layers, mounts, limits, networks; asked for with czonectl, on the guest's own kernel."""
import unittest

from case import MIB, SMALL, ZoneCase

PLACE = "/tmp/layers"
APPLETS = "cat chmod dd grep ip ls nc sh sleep stat touch wc"
MAKE_LAYERS = f"""
rm -rf {PLACE}; mkdir -p {PLACE}/low/bin {PLACE}/high/data
cp /bin/busybox {PLACE}/low/bin/busybox; for name in {APPLETS}; do ln -s busybox {PLACE}/low/bin/$name; done
echo low >{PLACE}/low/name; echo low >{PLACE}/low/kept; echo high >{PLACE}/high/name
"""
LAYERS = ["--layer", f"{PLACE}/low", "--layer", f"{PLACE}/high"]
BRIDGE = "test0"
WRITTEN = 24 * MIB


class Parts(ZoneCase):
    def setUp(self):
        super().setUp()
        self.guest.sh(MAKE_LAYERS)

    def tearDown(self):
        self.guest.sh(f"rm -rf {PLACE}")
        super().tearDown()

    def sh(self, script, *options):
        done = self.ctl.run("run", "--memory", str(SMALL), "--rm", *options, "--", "/bin/sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_layers_are_one_tree_and_changes_are_gone_with_the_container(self):
        script = "cat /name /kept; ls -d /data; ls /new 2>/dev/null; echo new >/new; echo changed >/name; cat /name /new"
        for _ in range(2):
            self.assertEqual(self.sh(script, *LAYERS), "high\nlow\n/data\nchanged\nnew\n")
        self.assertEqual(self.guest.sh(f"cat {PLACE}/high/name; ls {PLACE}/low {PLACE}/high"), f"high\n{PLACE}/high:\ndata\nname\n\n{PLACE}/low:\nbin\nkept\nname\n")

    def test_what_is_written_above_layers_is_in_the_container_s_zone(self):
        layers = [f"{PLACE}/low", f"{PLACE}/high"]
        script = f"dd if=/dev/zero of=/big bs=1M count={WRITTEN // MIB} 2>/dev/null; echo written; exec sleep 1000"
        name = self.daemon.spawn("/bin/sh", "-c", script, memory=SMALL, layers=layers)
        self.daemon.wait_for_log(name, "written")
        container = self.daemon.inspect(name)
        files = self.guest.numa_stat(self.guest.cgroup_of(container["pid"]))["file"]
        self.assertGreaterEqual(files[container["node"]], WRITTEN)
        self.assertEqual({node: size for node, size in files.items() if size >= MIB and node != container["node"]}, {})

    def test_what_may_be_written_above_layers_is_limited(self):
        out = self.sh("dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null || echo full; stat -c %s /big", *LAYERS, "--writable", "32M")
        full, size = out.split()
        self.assertEqual(full, "full")
        # The directories of the layer are in it, too.
        self.assertTrue(31 * MIB <= int(size) <= 32 * MIB, size)

    def test_mounts_are_as_asked_for(self):
        self.guest.sh(f"mkdir -p {PLACE}/source && echo of the guest >{PLACE}/source/file")
        script = (
            "cat /in/file; touch /in/file 2>/dev/null || echo refused; echo mine >/out/new; echo x >/scratch/file && stat -c %a /scratch;"
            "cat /bin/busybox >/scratch/run && chmod 755 /scratch/run; /scratch/run true 2>/dev/null || echo no programs;"
            "dd if=/dev/zero of=/scratch/big bs=1M count=9 2>/dev/null || echo full"
        )
        mounts = ["--mount", f"{PLACE}/source:/in", "--mount", f"{PLACE}/source:/out:rw", "--tmpfs", "/scratch:size=4M,mode=750,noexec"]
        self.assertEqual(self.sh(script, *LAYERS, *mounts), "of the guest\nrefused\n750\nno programs\nfull\n")
        self.assertEqual(self.guest.sh(f"cat {PLACE}/source/new"), "mine\n")

    def test_limits_are_as_asked_for(self):
        script = "ulimit -n; ulimit -Hn; ulimit -c; ulimit -Hf"
        self.assertEqual(self.sh(script, *LAYERS, "--ulimit", "nofile=100:200", "--ulimit", "fsize=4096"), "100\n200\n0\n8\n")

    def test_without_a_network_there_is_loopback_alone(self):
        script = "ip -o link | wc -l; ip -o link | grep -c ' lo: .*UP'; nc -l -p 99 & sleep 1; echo over loopback | nc 127.0.0.1 99; wait"
        self.assertEqual(self.sh(script, *LAYERS, "--network", "none"), "1\n1\nover loopback\n")

    def test_a_bridge_connects_containers_with_the_guest(self):
        self.guest.sh(f"brctl addbr {BRIDGE} && ip addr add 10.9.8.1/24 dev {BRIDGE} && ip link set {BRIDGE} up")
        self.addCleanup(self.guest.sh, f"ip link set {BRIDGE} down; brctl delbr {BRIDGE}")
        network = {"mode": "veth", "bridge": BRIDGE, "addresses": ["10.9.8.2/24"], "gateway": "10.9.8.1"}
        name = self.daemon.spawn("/bin/sh", "-c", "ip -o -4 addr show eth0; ip route; echo up; exec nc -l -p 99", memory=SMALL, network=network)
        self.daemon.wait_for_log(name, "up")
        log = self.daemon.logs(name)
        self.assertIn("10.9.8.2/24", log)
        self.assertIn("default via 10.9.8.1", log)
        self.guest.sh("echo through the bridge | nc -w 5 10.9.8.2 99")
        self.assertEqual(self.daemon.wait(name)["exit_status"], 0)
        self.assertIn("through the bridge", self.daemon.logs(name))
        self.assertEqual(self.guest.sh(f"ls /sys/class/net/{BRIDGE}/brif"), "", "nothing of the container is left in the bridge")

    def test_a_layer_that_is_missing_is_refused_before_memory_is_asked_for(self):
        done = self.ctl.run("run", "--rm", "--layer", f"{PLACE}/low", "--layer", "/tmp/none", "--", "sh")
        self.assertEqual(done.returncode, 126, done.stderr)
        self.assertIn("/tmp/none", done.stderr)
        self.assertEqual(self.daemon.zones()["zones"], [])


if __name__ == "__main__":
    unittest.main()
