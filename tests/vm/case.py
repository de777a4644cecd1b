# SPDX-License-Identifier: Apache-2.0
"""The VM that most cases share, and what every case leaves behind: nothing."""
import atexit
import contextlib
import os
import time
import unittest

from czone import Ctl, Daemon, HostDaemon, wait_for
from vm import AGENTS, BUILD, MicroVM

MIB = 1 << 20
# What the machine below is made of: a request above ZONE can only be met by a pc-dimm.
ZONE = 384 * MIB
SMALL = 256 * MIB
LARGE = 512 * MIB
MAX_ZONE = 1024 * MIB
MAX_TOTAL = 3072 * MIB
# What czoned gives a host, in seconds: less than by default, since some cases wait for it to pass.
HOST_TIMEOUT = 8
TENANT = "/opt/tenant"
ESCAPE = "/opt/escape"

# What the connections of somebody whose server was killed end with.
BROKEN = (OSError, EOFError, ConnectionError)

_shared = {}


def again(call, timeout=120):
    """Makes a call until it is answered, as a client does whose server restarts. The call must be one that may be repeated."""
    end = time.monotonic() + timeout
    while True:
        try:
            return call()
        except BROKEN:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def programs():
    """The test programs, as MicroVM's add wants them."""
    programs = {os.path.join(BUILD, "tests", os.path.basename(path)): path for path in (TENANT, ESCAPE)}
    return {**programs, os.path.join(AGENTS, "agent", "oci", "czone-oci"): "/usr/bin/czone-oci"}


def shared_vm():
    if not _shared:
        # Four virtio-mem nodes and three for pc-dimms.
        vm = MicroVM(
            zones=["384M"] * 4,
            dimm_nodes=3,
            memory="640M",
            add=programs(),
            modules=["loop", "ext4", "bridge", "veth"],
            daemon=["--plug-timeout", str(HOST_TIMEOUT), "--unplug-timeout", str(HOST_TIMEOUT)],
        )
        vm.start()
        _shared["vm"] = vm
        atexit.register(stop_shared_vm)
        start_host()
    return _shared["vm"]


def start_host(total=MAX_TOTAL):
    host = HostDaemon(_shared["vm"], "--max-zone", str(MAX_ZONE), "--max-total", str(total))
    host.__enter__()
    _shared["host"] = host


def stop_host():
    if "host" in _shared:
        _shared.pop("host").__exit__()


def stop_shared_vm():
    stop_host()
    if "vm" in _shared:
        _shared.pop("vm").stop()


class ZoneCase(unittest.TestCase):
    """A case in the shared VM, with czone-hostd attached."""

    maxDiff = None
    # czoned itself, by its parent: its helpers have the same name.
    CZONED = (
        "for p in $(pidof czoned); do "
        "grep -qs czoned.start /proc/$(awk '/^PPid/ { print $2 }' /proc/$p/status 2>/dev/null)/cmdline && echo $p; done; true"
    )
    KILL_CZONED = f"kill -KILL $({CZONED})"

    @classmethod
    def setUpClass(cls):
        cls.use(shared_vm())

    @classmethod
    def use(cls, vm):
        """Of a class with a VM of its own: instead of the shared one."""
        cls.vm = vm
        cls.guest = cls.vm.guest
        cls.monitor = cls.vm.monitor
        cls.daemon = Daemon(cls.vm.address)
        cls.ctl = Ctl(cls.vm.address)
        cls.wait_for_host(True)

    @classmethod
    def wait_for_host(cls, attached):
        wait_for(lambda: cls.daemon.zones()["host_attached"] == attached, f"host attached: {attached}", 30)

    @contextlib.contextmanager
    def without_host(self):
        """czone-hostd is away inside the with block."""
        stop_host()
        try:
            self.wait_for_host(False)
            yield
        finally:
            start_host()
            self.wait_for_host(True)

    def plug(self, zone, size):
        """Sets a virtio-mem device's size as czone-hostd would, once more every two seconds: else the guest's driver, if it finds a page
        in use for a moment, waits 50 s before it looks again. Returns where the device's memory is."""
        end = time.monotonic() + 30
        while self.monitor.devices()[zone]["size"] != size:
            self.assertLess(time.monotonic(), end, f"{zone} does not get {size} bytes: {self.monitor.devices()}")
            self.monitor.execute(
                "qom-set", path=f"/machine/peripheral/{zone}", property="requested-size", value=size
            )
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: self.monitor.devices()[zone]["size"] == size, f"{zone} has {size} bytes", 2)
        return self.monitor.devices()[zone]["address"]

    def states(self, start, size):
        """Of the memory blocks there."""
        return set(self.guest.blocks_in(start, size).values())

    def setUp(self):
        self.before = self.guest.traces()
        self.assertEqual(self.monitor.plugged(), 0, "memory is plugged before the test")

    def tearDown(self):
        for container in self.daemon.containers():
            self.daemon.remove(container["id"], force=True)
        wait_for(lambda: self.monitor.plugged() == 0, "QEMU has all memory back", 60)
        self.assert_nothing_left()

    def assert_nothing_left(self):
        """No container, cgroup, mount, process or node that was not there before."""
        self.assertEqual(self.daemon.containers(), [])
        # What came in for a plug that was given up is a zone for as long as it takes to go offline.
        wait_for(lambda: self.daemon.zones()["zones"] == [], lambda: f"no zone: {self.daemon.zones()}", 10)
        # Worker processes end by themselves, shortly after the answer.
        wait_for(lambda: self.guest.traces() == self.before, lambda: f"traces as before\n{self.before}\n{self.guest.traces()}", 10)

    def hold(self, memory, percent, **parameters):
        """Spawns a tenant that fills so much of its zone, five eighths of it anonymous, and waits until it has."""
        size = memory * percent // 100
        anon = size * 5 // 8 // 4096 * 4096
        file = (size - anon) // 4096 * 4096
        name = self.daemon.spawn(TENANT, "hold", str(anon), str(file), memory=memory, **parameters)
        self.holding = getattr(self, "holding", {})
        self.holding[name] = 0
        return name

    def wait_ready(self, name):
        self.daemon.wait_for_log(name, "ready")

    def assert_unharmed(self, name):
        """The tenant looks at every page it has and finds what it wrote."""
        self.holding[name] += 1
        self.daemon.kill(name, "USR1")
        self.daemon.wait_for_log(name, f"intact {self.holding[name]}")
