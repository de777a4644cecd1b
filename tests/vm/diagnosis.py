# SPDX-License-Identifier: Apache-2.0
"""What the running VMs look like after a failure. Text for people."""
import os

from czone import Daemon
from vm import MicroVM

# Seconds for an answer: who does not answer at once is part of the picture.
PATIENCE = 10


def of_running():
    """Of every VM that runs; empty without one."""
    return "\n".join(of(vm) for vm in MicroVM.running)


def of(vm):
    parts = {
        "QEMU": lambda: str(vm.monitor.devices()),
        "czone-hostd": lambda: hostd_log(vm)[-2000:],
        "console": lambda: vm.console()[-3000:],
        "czoned": lambda: str(Daemon(vm.address).call("io.czone.Zone.List", PATIENCE)),
        "guest": vm.guest.diagnosis,
    }
    return "\n".join(f"-- {name}\n{look(part)}" for name, part in parts.items())


def look(part):
    try:
        return part()
    # Whatever it is: a look must not hide the failure that it is about.
    except Exception as error:
        return f"no answer: {error!r}"


def hostd_log(vm):
    path = os.path.join(vm.directory, "hostd.log")
    if not os.path.exists(path):
        return "never started"
    with open(path, encoding="utf-8", errors="replace") as log:
        return log.read()
