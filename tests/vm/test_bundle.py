# SPDX-License-Identifier: Apache-2.0
"""OCI bundles: what crun and runc generate runs unchanged, what a config.json says is so inside, what is not supported is named."""
import base64
import json
import os
import unittest

from case import SMALL, ZoneCase
from wire import VarlinkError

GENERATED = os.path.join(os.path.dirname(__file__), "..", "fuzz", "corpus", "oci_config")
BUNDLE = "/tmp/bundle"


def generated(name):
    with open(os.path.join(GENERATED, name), encoding="utf-8") as file:
        return json.load(file)


class Bundle(ZoneCase):
    def setUp(self):
        super().setUp()
        self.guest.sh(
            f"mkdir -p {BUNDLE}/rootfs/bin {BUNDLE}/rootfs/tmp {BUNDLE}/shared && cp /bin/busybox {BUNDLE}/rootfs/bin/ && "
            f"for name in sh cat id ls grep hostname touch sleep; do ln -sf busybox {BUNDLE}/rootfs/bin/$name; done"
        )

    def tearDown(self):
        super().tearDown()
        self.guest.sh(f"rm -rf {BUNDLE}")

    def write(self, config):
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        self.guest.sh(f"echo {encoded} | base64 -d >{BUNDLE}/config.json")

    def spawn_bundle(self, memory=SMALL):
        return self.daemon.call("io.czone.Container.Spawn", bundle=BUNDLE, memory=memory)["container"]["id"]

    def run_script(self, config, script):
        """The output of a script that is a bundle's program."""
        config["process"]["args"] = ["sh", "-c", script]
        config["process"]["terminal"] = False
        self.write(config)
        done = self.ctl.run("run", "--rm", "--bundle", BUNDLE, "--memory", str(SMALL))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_what_crun_and_runc_generate_runs_unchanged(self):
        for name in ("crun-1.8.1", "runc-1.1.5"):
            with self.subTest(name):
                self.write(generated(name))
                container = self.spawn_bundle()
                self.daemon.wait_for_state(container, "running")
                pid = self.daemon.inspect(container)["pid"]
                self.assertEqual(self.guest.sh(f"tr '\\0' ' ' </proc/{pid}/cmdline").strip(), "sh")
                # It has a terminal, so it is a shell that waits for what is typed.
                self.assertEqual(self.guest.sh(f"stat -L -c %t /proc/{pid}/fd/0").strip(), f"{136:x}")
                self.daemon.kill(container)
                self.assertEqual(self.daemon.wait(container)["exit_signal"], 9)

    def test_what_the_config_says_is_so_inside(self):
        config = generated("crun-1.8.1")
        config["process"]["env"].append("FROM=config")
        config["process"]["cwd"] = "/tmp"
        config["process"]["user"]["additionalGids"] = [5, 10]
        config["process"]["user"]["umask"] = 0o27
        config["mounts"] += [
            {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=750", "size=64k"]},
            {"destination": "/mnt", "type": "bind", "source": "shared", "options": ["rbind", "ro"]},
        ]
        self.guest.sh(f"echo hello >{BUNDLE}/shared/file")
        out = self.run_script(
            config,
            "echo $FROM; pwd; hostname; umask; id; ulimit -n; grep -E 'CapBnd|CapEff|NoNewPrivs' /proc/self/status; "
            "touch /file || echo root is read-only; touch /mnt/file || echo bind is read-only; cat /mnt/file; "
            "ls -ld /run; ls /sys/class/net; ls -d /dev/mqueue",
        )
        for line in ("config", "/tmp", "crun", "0027", "1024", "root is read-only", "bind is read-only", "hello", "lo", "/dev/mqueue"):
            self.assertIn(line, out.splitlines())
        self.assertIn("groups=5,10", out)
        # AUDIT_WRITE, KILL, NET_BIND_SERVICE.
        self.assertIn("CapBnd:\t0000000020000420", out)
        self.assertIn("CapEff:\t0000000020000420", out)
        self.assertIn("drwxr-x---", out)

    def test_memory_and_pids_may_come_from_the_config(self):
        config = generated("crun-1.8.1")
        config["process"].update(args=["cat", "/sys/fs/cgroup/pids.max"], terminal=False)
        config["linux"]["resources"].update(memory={"limit": SMALL}, pids={"limit": 77})
        self.write(config)
        container = self.spawn_bundle(memory=None)
        ended = self.daemon.wait(container)
        self.assertEqual((ended["memory"], ended["exit_status"]), (SMALL, 0))
        self.assertEqual(self.daemon.logs(container).strip(), "77")

    def test_what_is_not_supported_is_named_and_leaves_nothing(self):
        for place, change in {
            "hooks.prestart": lambda c: c.update(hooks={"prestart": [{"path": "/bin/true"}]}),
            "linux.seccomp.defaultAction": lambda c: c["linux"].update(seccomp={"defaultAction": "SCMP_ACT_ERRNO"}),
            "linux.namespaces": lambda c: c["linux"]["namespaces"].pop(0),
            "process.capabilities.bounding[0]": lambda c: c["process"]["capabilities"].update(bounding=["CAP_SYS_ADMIN"]),
            "process.cwd": lambda c: c["process"].update(cwd="/proc/self"),
        }.items():
            with self.subTest(place):
                config = generated("crun-1.8.1")
                change(config)
                self.write(config)
                with self.assertRaises(VarlinkError) as caught:
                    self.spawn_bundle()
                self.assertEqual(caught.exception.error, "io.czone.Container.BadBundle")
                self.assertEqual(caught.exception.parameters["member"], place)
                done = self.ctl.run("run", "--bundle", BUNDLE, "--memory", str(SMALL))
                self.assertEqual(done.returncode, 126)
                self.assertIn(place, done.stderr)


if __name__ == "__main__":
    unittest.main()
