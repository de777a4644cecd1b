# SPDX-License-Identifier: Apache-2.0
"""A microVM, started through examples/microvm/vm: what the tests use is what a user gets."""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile

from guest import Guest
from qmp import Monitor

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(PROJECT, "examples", "microvm")
BUILD = os.environ.get("CZONE_BUILD", os.path.join(PROJECT, "build"))
# czoned, czone-hostd and czonectl may come from another build, for instance one with sanitizers.
AGENTS = os.environ.get("CZONE_AGENTS", BUILD)
# The Debian suite whose kernel the guest runs.
SUITE = os.environ.get("CZONE_KERNEL_SUITE", "bookworm")


def script(name, *args):
    """Runs one of examples/microvm and returns what it printed."""
    done = subprocess.run([os.path.join(SCRIPTS, name), *args], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


class MicroVM:
    """A context manager: the VM runs inside the with block.

    zones: sizes ("512M") of virtio-mem devices, each on a node of its own, from node 1; dimm_nodes: nodes after them, for pc-dimms.
    add: {path on the host: path in the guest}. modules: more kernel modules.
    append: words for the kernel command line. disks: image files, /dev/vda and on, which stay as they are. build: None
    leaves czoned out. daemon: czoned's arguments.
    """

    # What a failed test is explained with.
    running = []

    def __init__(self, zones=(), dimm_nodes=0, memory="512M", cpus=2, append="", add=None, modules=(), disks=(), build=AGENTS, suite=None, daemon=()):
        self.directory = tempfile.mkdtemp(prefix="czone-vm.")
        self.arguments = ["--dir", self.directory, "--memory", memory, "--cpus", str(cpus), "--append", append]
        self.arguments += ["--kernel", script("kernel", suite or SUITE), "--dimm-nodes", str(dimm_nodes)]
        for size in zones:
            self.arguments += ["--zone", size]
        for source, destination in (add or {}).items():
            self.arguments += ["--add", f"{source}:{destination}"]
        for module in modules:
            self.arguments += ["--module", module]
        for disk in disks:
            self.arguments += ["--disk", disk]
        if build:
            self.arguments += ["--build", build]
        if daemon:
            arguments = os.path.join(self.directory, "czoned.arguments")
            with open(arguments, "w", encoding="utf-8") as file:
                file.write(" ".join(daemon) + "\n")
            self.arguments += ["--add", f"{arguments}:/etc/czoned.arguments"]
        self.zones = len(zones)
        self.dimm_nodes = dimm_nodes

    def start(self):
        """If the guest does not come up, its console is on standard error and the directory stays."""
        self.boot()
        # An interrupted run leaves the fixtures of its classes as they are.
        atexit.register(self.stop)
        self.address = script("vm", "address", "--dir", self.directory)
        self.hostd_qmp = os.path.join(self.directory, "hostd.qmp")
        self.guest = Guest(os.path.join(self.directory, "exec"))
        self.monitor = Monitor(os.path.join(self.directory, "qmp"))
        self.running.append(self)
        return self

    def boot(self):
        """An emulated guest on a busy machine may hang in its kernel's boot. That is not what is tested: it is said, and tried once more."""
        try:
            script("vm", "start", *self.arguments)
        except subprocess.CalledProcessError:
            if "czoned" in self.console():
                raise
            print("vm: the guest's kernel did not come up; once more", file=sys.stderr)
            script("vm", "start", *self.arguments)

    def stop(self):
        atexit.unregister(self.stop)
        if self in self.running:
            self.running.remove(self)
        for part in ("guest", "monitor"):
            if hasattr(self, part):
                getattr(self, part).close()
        script("vm", "stop", "--dir", self.directory)
        shutil.rmtree(self.directory)

    def console(self):
        with open(os.path.join(self.directory, "console.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
