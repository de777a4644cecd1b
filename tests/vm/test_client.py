# SPDX-License-Identifier: Apache-2.0
"""A Varlink client that nobody here wrote, python3-varlink, talks to the guest through `czonectl bridge`."""
import importlib
import os
import sys
import unittest

from case import SMALL, TENANT, ZoneCase
from czone import CZONECTL
from vm import script

INTERFACES = ["io.czone.Container", "io.czone.Host", "io.czone.Monitor", "io.czone.Zone", "org.varlink.service"]


def load_varlink():
    """The client from Debian, unpacked, not installed."""
    root = script("debian", "bookworm-backports", "unpack", "python3-varlink")
    sys.path.append(os.path.join(root, "usr", "lib", "python3", "dist-packages"))
    return importlib.import_module("varlink")


class ReadyClient(ZoneCase):
    def test_lists_interfaces_and_spawns_a_container(self):
        os.environ["CZONE_ADDRESS"] = self.vm.address
        varlink = load_varlink()
        with varlink.Client.new_with_bridge([CZONECTL, "bridge"]) as client:
            with client.open("org.varlink.service") as service:
                info = service.GetInfo()
                self.assertEqual(sorted(info["interfaces"]), INTERFACES)
                for interface in INTERFACES:
                    text = service.GetInterfaceDescription(interface)["description"]
                    self.assertIn(f"interface {interface}", text)
                    # Their parser accepts it.
                    varlink.Interface(text)
            with client.open("io.czone.Container") as container:
                spawned = container.Spawn(args=[TENANT, "exercise"], memory=SMALL)["container"]
                ended = container.Wait(id=spawned["id"], until="returned", timeout_ms=60000)["container"]
                self.assertEqual(ended["exit_status"], 0)
        self.assertEqual(self.daemon.receipt(spawned["id"])["outcome"], "returned")


if __name__ == "__main__":
    unittest.main()
