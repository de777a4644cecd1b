# SPDX-License-Identifier: Apache-2.0
"""CZone's own programs as a user runs them."""
import base64
import json
import os
import subprocess
import time

from wire import Connection
from vm import AGENTS

CZONECTL = os.path.join(AGENTS, "agent", "ctl", "czonectl")
HOSTD = os.path.join(AGENTS, "agent", "host", "czone-hostd")


class CtlError(Exception):
    def __init__(self, command, status, stderr):
        super().__init__(f"{' '.join(command)}: status {status}: {stderr.strip()}")
        self.status = status
        self.stderr = stderr


class Ctl:
    def __init__(self, address):
        self.environment = {**os.environ, "CZONE_ADDRESS": address}

    def run(self, *args, timeout=120):
        """Runs czonectl; returns the finished process."""
        return subprocess.run(
            [CZONECTL, *args], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def text(self, *args, **options):
        """As run, but it must succeed; returns its standard output."""
        done = self.run(*args, **options)
        if done.returncode != 0:
            raise CtlError(args, done.returncode, done.stderr)
        return done.stdout

    def json(self, *args, **options):
        return json.loads(self.text("--json", *args, **options))


class HostDaemon:
    """czone-hostd for one VM, running inside the with block."""

    def __init__(self, vm, *args):
        self.command = [HOSTD, "--vm", vm.address, "--qmp", vm.hostd_qmp, *args]
        self.log_path = os.path.join(vm.directory, "hostd.log")

    def __enter__(self):
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)

    def log(self):
        with open(self.log_path, encoding="utf-8") as log:
            return log.read()


def wait_for(condition, what, timeout=60):
    """Polls until condition() is true and returns its value. what: a text, or a function that makes it, if that takes a while."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(0.1)


class Daemon:
    """czoned through its Varlink interface, one connection per call: a slow call must not hold up another."""

    def __init__(self, address):
        self.address = address

    def call(self, method, timeout=60, **parameters):
        wanted = {name: value for name, value in parameters.items() if value is not None}
        with Connection(self.address, timeout) as connection:
            return connection.call(method, wanted)

    def spawn(self, *args, memory, **parameters):
        """Spawns a container and returns its id."""
        return self.call("io.czone.Container.Spawn", args=list(args), memory=memory, **parameters)["container"]["id"]

    def wait(self, name, until="returned", timeout=90):
        answer = self.call(
            "io.czone.Container.Wait", timeout + 30, id=name, until=until, timeout_ms=int(timeout * 1000)
        )
        return answer["container"]

    def inspect(self, name):
        return self.call("io.czone.Container.Inspect", id=name)["container"]

    def containers(self):
        return self.call("io.czone.Container.List")["containers"]

    def kill(self, name, signal=None):
        self.call("io.czone.Container.Kill", id=name, signal=signal)

    def remove(self, name, force=None):
        self.call("io.czone.Container.Remove", timeout=120, id=name, force=force)

    def logs(self, name):
        answer = self.call("io.czone.Container.Logs", id=name)
        return base64.b64decode(answer["data"]).decode()

    def verify(self, zone):
        return self.call("io.czone.Zone.Verify", zone=zone)["verification"]

    def zones(self, blocks=None):
        return self.call("io.czone.Zone.List", blocks=blocks)

    def receipts(self, name):
        return self.call("io.czone.Zone.Receipts", container=name)["receipts"]

    def receipt(self, name):
        """The one receipt of a container."""
        receipts = self.receipts(name)
        if len(receipts) != 1:
            raise AssertionError(f"{len(receipts)} receipts for {name}: {receipts}")
        return receipts[0]

    def wait_for_state(self, name, state, timeout=60):
        def reached():
            container = self.inspect(name)
            if container["state"] in ("failed", "done") and state not in ("failed", "done"):
                raise AssertionError(f"{name} ended before it was {state}: {container}")
            return container["state"] == state

        wait_for(reached, f"{name} is {state}: {self.inspect(name)}", timeout)

    def wait_for_log(self, name, text, timeout=120):
        """Waits until the container has written a line; fails at once if the container ends first."""

        def written():
            state = self.inspect(name)
            log = self.logs(name)
            if text in log.splitlines():
                return True
            if state["state"] not in ("wanted", "starting", "running"):
                raise AssertionError(f"{name} ended before it said '{text}': {state}\n{log}")
            return False

        return wait_for(written, f"{name} says '{text}'", timeout)

    def wait_for_log_size(self, name, size):
        """Waits until the container has written so many bytes."""
        wait_for(lambda: self.call("io.czone.Container.Logs", id=name, tail=0)["offset"] >= size, f"{name} has written {size} bytes")
