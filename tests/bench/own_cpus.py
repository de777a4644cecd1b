# SPDX-License-Identifier: Apache-2.0
"""Gives each of the guest's CPUs one of the host's."""
import os


def own_cpus(vm):
    """Returns how it is, in words. Else the host's scheduler puts a CPU of the guest that another one wakes where that one runs, and holds it
    up for milliseconds: whatever runs in more than one process is slower by that, and what runs in one is not."""
    threads = [cpu["thread-id"] for cpu in vm.monitor.execute("query-cpus-fast")]
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < len(threads):
        return f"{len(threads)} guest CPUs share {len(cpus)} of the host"
    for thread, cpu in zip(threads, cpus):
        os.sched_setaffinity(thread, {cpu})
    return "each guest CPU has one of the host"
