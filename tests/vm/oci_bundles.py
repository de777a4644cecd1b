# SPDX-License-Identifier: Apache-2.0
"""Runs the table of oci_cases.py in a guest."""
import base64
import copy
import json
import os

from oci_cases import OTHERS, Differs, Refuses
from wire import VarlinkError

GENERATED = os.path.join(os.path.dirname(__file__), "..", "fuzz", "corpus", "oci_config", "crun-1.8.1")
BUNDLE = "/tmp/cases"
MEMORY = 128 << 20
APPLETS = "awk cat chmod cut df env grep head hostname id ionice ipcs ls mkdir mknod mount ps readlink rm sh sleep stat stty tail test touch tr true wc"

PASSED, REFUSED, DIFFERS, FAILED = "passed", "refused", "differs", "failed"


def prepare(guest):
    """The root of all cases, in the guest."""
    guest.sh(
        f"mkdir -p {BUNDLE}/shared {BUNDLE}/rootfs/bin {BUNDLE}/rootfs/etc {BUNDLE}/rootfs/tmp {BUNDLE}/rootfs/mnt && cd {BUNDLE} && cp /bin/busybox rootfs/bin/ &&"
        f"for name in {APPLETS}; do ln -sf busybox rootfs/bin/$name; done; echo hello >shared/file; ln -sfn /tmp rootfs/link;"
        "chmod 1777 rootfs/tmp; echo root:x:0:0::/root:/bin/sh >rootfs/etc/passwd; mkdir -p rootfs/tmp/sub; : >rootfs/mnt/file"
    )


def remove(guest):
    guest.sh(f"rm -rf {BUNDLE}")


def base():
    """What `crun spec` writes, without a terminal."""
    with open(GENERATED, encoding="utf-8") as file:
        config = json.load(file)
    config["process"]["terminal"] = False
    return config


def fits(expect, status, output):
    """Whether what was seen is what a case expects; else what is missing."""
    wanted, lines = expect
    seen = output.replace("\r\n", "\n").splitlines()
    if status != wanted if wanted is not None else status == 0:
        return f"status {status}"
    for line in lines:
        if line.startswith("-"):
            found = line[1:] not in output if line[1:].isalpha() else line[1:] not in seen
        elif line.startswith("~"):
            found = line[1:] in output
        else:
            found = line in seen
        if not found:
            return f"not as expected: {line}"
    return None


class Cases:
    """Cases by one runtime: "native", "crun" or "runc"."""

    def __init__(self, guest, daemon, runtime="native"):
        self.guest, self.daemon, self.runtime = guest, daemon, runtime

    def run(self, case):
        """(outcome, why)."""
        config = copy.deepcopy(base())
        if case.script is not None:
            config["process"]["args"] = ["sh", "-c", case.script]
        case.change(config)
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        self.guest.sh(f"echo {encoded} | base64 -d >{BUNDLE}/config.json")
        memory = None if config["linux"]["resources"].get("memory", {}).get("limit") else MEMORY
        try:
            container = self.daemon.call("io.czone.Container.Spawn", bundle=BUNDLE, runtime=self.runtime, memory=memory)["container"]["id"]
        except VarlinkError as error:
            return self.refused(case, error)
        state = self.daemon.wait(container, until="exited")
        status = state.get("exit_status", 128 + state.get("exit_signal", 127))
        output = self.daemon.logs(container) if state["state"] != "failed" else state["failure"]["message"]
        self.daemon.remove(container, force=True)
        return self.judge(case, status, output)

    def refused(self, case, error):
        place = error.parameters.get("member") or error.error.rsplit(".", 1)[1]
        if self.runtime == "native" and isinstance(case.native, Refuses) and place == case.native.member:
            # A case about a bad config is passed by its refusal.
            return (PASSED, f"refuses {place}") if case.native.reason.startswith("as it should") else (REFUSED, f"{place}: {case.native.reason}")
        if self.runtime != "native" and case.expect[0] is None:
            return PASSED, f"refuses {place}"
        return FAILED, f"{error.error}: {error.parameters.get('message')}"

    def judge(self, case, status, output):
        missing = fits(case.expect, status, output)
        known = OTHERS.get(self.runtime, {}).get(case.name)
        if missing and known:
            return DIFFERS, known
        if self.runtime != "native":
            return (FAILED, f"{missing}; {output.strip()!r}") if missing else (PASSED, "")
        if isinstance(case.native, Refuses):
            return FAILED, f"{case.native.member} was not refused"
        if isinstance(case.native, Differs):
            return (DIFFERS, case.native.reason) if missing else (FAILED, "it does not differ any more: say so in the table")
        return (FAILED, f"{missing}; {output.strip()!r}") if missing else (PASSED, "")
