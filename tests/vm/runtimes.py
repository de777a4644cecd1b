# SPDX-License-Identifier: Apache-2.0
"""Debian's crun and runc for a guest: unpacked, not installed on this machine."""
import glob
import os
import subprocess

from vm import script

NAMES = ("crun", "runc")
# Libraries of them that the machine the guest is made on may not have.
LIBRARIES = {"libyajl.so.2": "libyajl2"}


def runtime(name):
    """Path of the unpacked program."""
    tree = script("debian", "bookworm", "unpack", name)
    return next(path for path in (os.path.join(tree, "usr", part, name) for part in ("bin", "sbin")) if os.path.exists(path))


def missing_libraries(program):
    """{path on the host: path in the guest} of the libraries the loader does not find here."""
    found = {}
    for row in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines():
        if "not found" in row:
            name = row.split()[0]
            tree = script("debian", "bookworm", "unpack", LIBRARIES[name])
            found[glob.glob(f"{tree}/usr/lib/*/{name}")[0]] = f"/usr/lib/{name}"
    return found


def files(names=NAMES):
    """What the guest needs for them, as MicroVM's add wants it; they are in /usr/bin there."""
    add = {}
    for name in names:
        program = runtime(name)
        add.update({program: f"/usr/bin/{name}", **missing_libraries(program)})
    return add
