# SPDX-License-Identifier: Apache-2.0
"""The guest as its kernel shows it. Nothing here goes through czoned: scripts run over a console of their own."""
import base64
import os
import re
import socket
from collections import namedtuple

PAGE = 4096
# Pages a CPU may have charged to a memory cgroup without the counters showing it yet (MEMCG_CHARGE_BATCH, mm/memcontrol.c).
CHARGE_BATCH = 64

Result = namedtuple("Result", "status output")


class GuestError(Exception):
    pass


class Guest:
    def __init__(self, path, timeout=120):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="ascii", errors="replace")
        self.count = 0

    def run(self, script):
        """Runs a shell script as root; returns its status and output."""
        self.count += 1
        number = f"{id(self)}-{self.count}"
        encoded = base64.b64encode(script.encode()).decode()
        self.socket.sendall(f"{number} {encoded}\n".encode())
        answer = None
        for line in self.lines:
            line = line.strip()
            if line == f"begin {number}":
                answer = ""
            elif line.startswith(f"end {number} "):
                output = base64.b64decode(answer).decode(errors="replace")
                return Result(int(line.split()[-1]), output)
            elif answer is not None:
                answer += line
        raise GuestError("the guest hung up")

    def sh(self, script):
        """As run, but the script must succeed; returns its output."""
        status, output = self.run(script)
        if status != 0:
            raise GuestError(f"status {status} of: {script}\n{output}")
        return output

    def read(self, path):
        return self.sh(f"cat '{path}'").strip()

    def cgroup_of(self, pid):
        """Absolute path of the cgroup of a process."""
        line = self.read(f"/proc/{pid}/cgroup")
        return "/sys/fs/cgroup" + line.split("::", 1)[1]

    def numa_stat(self, cgroup):
        """{kind: {node: bytes}} of memory.numa_stat."""
        kinds = {}
        for line in self.read(f"{cgroup}/memory.numa_stat").splitlines():
            kind, *nodes = line.split()
            kinds[kind] = {int(n): int(v) for n, v in (word[1:].split("=") for word in nodes)}
        return kinds

    def node_meminfo(self, node):
        """{field: bytes}."""
        text = self.read(f"/sys/devices/system/node/node{node}/meminfo")
        return {name: int(kib) * 1024 for name, kib in re.findall(r"(\S+):\s+(\d+) kB", text)}

    def per_cpu(self, node):
        """Bytes of a node on the CPUs' free lists, which meminfo counts as used, and the most its counters may be off."""
        listed = drift = 0
        here = False
        for line in self.read("/proc/zoneinfo").splitlines():
            if line.startswith("Node "):
                here = line.startswith(f"Node {node},")
            elif here and line.strip().startswith("count:"):
                listed += int(line.split()[1]) * PAGE
            elif here and line.strip().startswith("vm stats threshold:"):
                drift += int(line.split()[-1]) * PAGE
        return listed, drift

    def cpus(self):
        return int(self.sh("grep -c ^processor /proc/cpuinfo"))

    def vmstat(self, field):
        return int(self.sh(f"awk '$1 == \"{field}\" {{ print $2 }}' /proc/vmstat"))

    def nodes(self):
        """Numbers of the nodes that have memory."""
        return self.nodes_of(self.sh(self.NODES))

    @staticmethod
    def nodes_of(text):
        numbers = []
        for part in text.strip().split(","):
            first, _, last = part.partition("-")
            numbers += range(int(first), int(last or first) + 1)
        return numbers

    def blocks(self):
        """{block number: state} of the memory blocks that exist."""
        text = self.sh("cd /sys/devices/system/memory; for b in memory*[0-9]; do echo ${b#memory} $(cat $b/state); done")
        return {int(number): state for number, state in (line.split() for line in text.splitlines())}

    def blocks_in(self, start, size):
        block = int(self.read("/sys/devices/system/memory/block_size_bytes"), 16)
        return {b: state for b, state in self.blocks().items() if start <= b * block < start + size}

    # Few programs for all processes: an emulated guest takes some milliseconds to start one.
    PROCESSES = (
        "ls -l /proc/[0-9]*/exe 2>/dev/null; echo --; grep . /proc/[0-9]*/cgroup 2>/dev/null; echo --; "
        "grep . /proc/[0-9]*/task/*/children 2>/dev/null; true"
    )
    NODES = "cat /sys/devices/system/node/has_memory"

    @staticmethod
    def processes_of(text):
        """Every process as "CGROUP PROGRAM", but for the kernel's own, the console's shells, which are in the root cgroup, and idle keepers with what
        stands by for them: these are czoned's pool, whose size follows load."""
        links, groups, parents = text.split("--\n")
        programs = dict(re.findall(r"/proc/(\d+)/exe -> (.*)", links))
        busy = {
            pid
            for pid, children in re.findall(r"^/proc/(\d+)/.*:([\d ]+)$", parents, re.MULTILINE)
            if not all("czone-keeper" in programs.get(child, "czone-keeper") for child in children.split())
        }
        found = []
        for pid, cgroup in re.findall(r"^/proc/(\d+)/cgroup:0::(.*)$", groups, re.MULTILINE):
            program = programs.get(pid, "")
            idle = "czone-keeper" in program and pid not in busy
            if not idle and (cgroup != "/" or (program and not program.endswith("busybox"))):
                found.append(f"{cgroup} {program}")
        return sorted(found)

    def traces(self):
        """What must not be left behind by a refused request: cgroups, mounts, processes, zones' memory."""
        # Cgroups in which nothing more may be born are czoned's pool, as are keepers without a program; its size follows load.
        looks = (
            "find /sys/fs/cgroup -mindepth 1 -type d",
            "find /sys/fs/cgroup -path '*/pool-*/pids.max' -exec grep -l '^[01]$' {} + 2>/dev/null",
            "cat /proc/self/mountinfo",
            self.PROCESSES,
            self.NODES,
        )
        cgroups, pool, mounts, processes, nodes = self.sh("; echo ==; ".join(looks)).split("==\n")
        cgroups = set(cgroups.split()) - {os.path.dirname(path) for path in pool.split()}
        return {
            "cgroups": sorted(cgroups),
            "mounts": sorted(line.split(" - ")[0].split(" ", 3)[3] for line in mounts.splitlines()),
            "processes": self.processes_of(processes),
            "nodes": self.nodes_of(nodes),
        }

    def diagnosis(self):
        """What tells why something in the guest does not move: its memory blocks and hot-plugged zones, who is blocked where, and the
        kernel's log. Text for people."""
        return self.run(
            "cd /sys/devices/system/memory; for b in memory*[0-9]; do "
            "[ -e $b/node0 ] || echo $b $(cat $b/state $b/valid_zones) $(ls -d $b/node[0-9]*); done; "
            "awk '/^Node/ { shown = $2 != \"0,\" && /Movable|Normal/ } shown && /^Node|pages free|spanned|present|managed|isolate|nr_zone/' "
            "/proc/zoneinfo; "
            # w: tasks in D state; l: where each CPU is.
            "echo w >/proc/sysrq-trigger; echo l >/proc/sysrq-trigger; sleep 1; dmesg | grep -v 'Fallback order' | tail -n 150"
        ).output

    def close(self):
        self.lines.close()
        self.socket.close()
