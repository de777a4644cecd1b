# SPDX-License-Identifier: Apache-2.0
"""What the figures of a benchmark depend on, in one line."""
import os
import platform


def conditions(vm):
    """Kernel, VMM, accelerator, CPUs."""
    with open(os.path.join(vm.directory, "accelerator"), encoding="utf-8") as file:
        accelerator = file.read().strip()
    version = vm.monitor.execute("query-version")["qemu"]
    kernel = vm.guest.read("/proc/sys/kernel/osrelease")
    thp = vm.guest.run("cat /sys/kernel/mm/transparent_hugepage/enabled").output.strip()
    return (
        f"guest kernel {kernel}, QEMU {version['major']}.{version['minor']}.{version['micro']}, accelerator {accelerator}, "
        f"transparent huge pages {thp}, host kernel {platform.release()}, {os.cpu_count()} CPUs"
    )
