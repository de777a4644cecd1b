# SPDX-License-Identifier: Apache-2.0
"""What a bundle promises holds: a sample of oci_cases.py, all of which validate_oci runs."""
import unittest

import oci_bundles
from case import ZoneCase
from oci_cases import CASES

# One of each kind.
SAMPLE = (
    "capabilities.some_caps",
    "uid_gid.additional_gids",
    "rlimits.rlimits",
    "terminal.terminal_size",
    "mounts.mount_path_with_multiple_slashes",
    "mounts.mount_ro",
    "hooks.success_prestart",
    "paths.masked_paths",
    "devices.default",
)


class OciCases(ZoneCase):
    def test_a_sample_of_what_a_bundle_promises(self):
        oci_bundles.prepare(self.guest)
        self.addCleanup(oci_bundles.remove, self.guest)
        cases = oci_bundles.Cases(self.guest, self.daemon)
        by_name = {case.name: case for case in CASES}
        for name in SAMPLE:
            with self.subTest(name):
                outcome, why = cases.run(by_name[name])
                self.assertIn(outcome, (oci_bundles.PASSED, oci_bundles.REFUSED), why)


if __name__ == "__main__":
    unittest.main()
