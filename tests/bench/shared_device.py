# SPDX-License-Identifier: Apache-2.0
"""The usual way, as the baseline: all containers share the memory of one stock virtio-mem device, and the host shrinks it.

Nothing of CZone takes part. The containers are cgroups whose processes are bound to the device's node, the way a zone's are, so that
only the sharing differs.
"""
import time

MEMBENCH = "/opt/membench"
POLL_S = 0.001


class SharedDevice:
    def __init__(self, vm, device, node):
        self.vm = vm
        self.guest = vm.guest
        self.device = device
        self.node = node
        self.root = "/sys/fs/cgroup/shared"
        self.plugged = 0
        self.guest.sh(
            "for c in cpuset memory; do echo +$c > /sys/fs/cgroup/cgroup.subtree_control; done;"
            f"mkdir -p {self.root} && for c in cpuset memory; do echo +$c > {self.root}/cgroup.subtree_control; done"
        )

    def resize(self, size, timeout=180):
        """Asks QEMU for a size and waits until its own figure says so; returns the seconds it took."""
        begin = time.monotonic()
        path = f"/machine/peripheral/{self.device}"
        self.vm.monitor.execute("qom-set", path=path, property="requested-size", value=size)
        while self.vm.monitor.execute("qom-get", path=path, property="size") != size:
            if time.monotonic() - begin > timeout:
                raise TimeoutError(f"{self.device} did not reach {size} bytes within {timeout} s")
            time.sleep(POLL_S)
        self.plugged = size
        return time.monotonic() - begin

    def grow(self, size):
        """Plugs, and waits until the kernel has put it online as movable memory: an operator of virtio-mem would set it up as czoned does
        (auto_online_blocks)."""
        self.resize(size)
        # The blocks come online after QEMU's figure has moved.
        for _ in range(600):
            states = self.guest.sh(f"cat /sys/devices/system/node/node{self.node}/memory*/state | sort | uniq -c").split()
            if states[1:] == ["online"]:
                break
            time.sleep(0.05)
        else:
            raise TimeoutError(f"node {self.node} did not come online: {states}")

    def start(self, name, *command):
        """Starts a container; its output goes to /tmp/shared-NAME."""
        cgroup = f"{self.root}/{name}"
        self.guest.sh(
            f"mkdir -p {cgroup} && echo 0,{self.node} > {cgroup}/cpuset.mems &&"
            f"{{ setsid {MEMBENCH} join {cgroup} 1 {MEMBENCH} {' '.join(map(str, command))} > /tmp/shared-{name} 2>&1 & }}"
        )

    def wait_ready(self, name):
        self.guest.sh(f"for i in $(seq 3000); do grep -q ready /tmp/shared-{name} && exit 0; sleep 0.05; done; cat /tmp/shared-{name}; exit 1")

    def reap(self, name):
        """Kills a container; returns the guest's time, in ns, at which nothing of it was left."""
        cgroup = f"{self.root}/{name}"
        return int(self.guest.sh(f"{MEMBENCH} reap {cgroup} && rmdir {cgroup}"))
