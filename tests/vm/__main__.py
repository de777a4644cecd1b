# SPDX-License-Identifier: Apache-2.0
"""Runs the microVM tests. usage: python3 tests/vm [--results FILE] [test_module | test_module.Class | test_module.Class.test]...

--results FILE: appends a line per test, "passed|failed|skipped NAME [REASON]".
"""
import argparse
import os
import signal
import sys
import time
import unittest

import diagnosis

HERE = os.path.dirname(os.path.abspath(__file__))


class Result(unittest.TextTestResult):
    """One line per test for a program, besides the text for people."""

    out = None
    # How many failures are worth a look at the VM: what comes after them is mostly their consequence.
    diagnoses = 2

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"    {time.monotonic() - self.began:.1f} s")

    def note(self, outcome, test, reason=""):
        if Result.out:
            Result.out.write(f"{outcome} {test.id()} {reason}".rstrip().replace("\n", " ") + "\n")
            Result.out.flush()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test)

    def addError(self, test, err):
        super().addError(test, err)
        self.failed(test)

    def failed(self, test):
        self.note("failed", test)
        if Result.diagnoses > 0:
            Result.diagnoses -= 1
            self.stream.writeln(f"---- the VM after {test.id()}\n{diagnosis.of_running()}\n----")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note("skipped", test, reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note("failed", subtest)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    # As the one exception that unittest does not take for a test's, so that the run ends, and VMs with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(options.names) if options.names else loader.discover(HERE)
    if options.results:
        Result.out = open(options.results, "a", encoding="utf-8")
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
