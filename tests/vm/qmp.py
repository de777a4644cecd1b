# SPDX-License-Identifier: Apache-2.0
"""QEMU's own figures, over a monitor socket that czone-hostd does not use."""
import json
import socket


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.count = 0
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        self.count += 1
        request = {"execute": command, "arguments": arguments, "id": self.count}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        for line in self.lines:
            reply = json.loads(line)
            if reply.get("id") == self.count:
                if "error" in reply:
                    raise RuntimeError(f"{command}: {reply['error']['desc']}")
                return reply["return"]
        raise ConnectionError("QEMU hung up")

    def devices(self):
        """{id: {"type", "address", "size", "node"}} of all hot-pluggable memory, size as QEMU counts it now."""
        found = {}
        for device in self.execute("query-memory-devices"):
            data = device["data"]
            found[data["id"]] = {
                "type": device["type"],
                "address": data.get("memaddr", data.get("addr")),
                "size": data["size"],
                "node": data["node"],
            }
        return found

    def plugged(self):
        """Bytes of hot-plugged memory the guest has now."""
        return sum(device["size"] for device in self.devices().values())

    def plugged_in(self, start, size):
        """Bytes QEMU has given the guest in a physical range."""
        total = 0
        for device in self.devices().values():
            # QEMU does not say which of a virtio-mem device's blocks are plugged; with one zone per device it does not matter.
            if device["address"] is not None and start <= device["address"] < start + size:
                total += device["size"]
        return total

    def close(self):
        self.lines.close()
        self.socket.close()
