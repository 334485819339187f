# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: its sandbox by systemd's own measure, and a reason for each line of it."""

import os
import pathlib
import re
import subprocess
import unittest

UNIT = pathlib.Path(os.environ["NARROWGATE_BUILD"]) / "packaging" / "narrowgate.service"
# In tenths: 1.5 of 10. What is left is in the unit's last comment.
MOST_EXPOSURE = 15


class UnitTest(unittest.TestCase):
    def exposure(self, unit):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager",
                               unit], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_the_exposure_is_at_most_1_5(self):
        status, said = self.exposure(UNIT)
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"Overall exposure level for narrowgate.service: [01]\.\d OK")

    def test_a_unit_without_its_filter_of_system_calls_would_be_noticed(self):
        spoilt = UNIT.parent / "spoilt" / UNIT.name
        spoilt.parent.mkdir(exist_ok=True)
        spoilt.write_text(re.sub(r"(?m)^SystemCallFilter=.*\n", "", UNIT.read_text()))
        status, said = self.exposure(spoilt)
        self.assertNotEqual(status, 0, said)

    def test_systemd_knows_every_key(self):
        # The program is not where the unit looks for it: it is not installed here.
        text = re.sub(r"(?m)^(Exec\w+)=\S*/narrowgate\b.*", r"\1=/bin/true", UNIT.read_text())
        known = UNIT.parent / "known" / UNIT.name
        known.parent.mkdir(exist_ok=True)
        known.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", known], capture_output=True, text=True)
        ours = [line for line in (done.stdout + done.stderr).splitlines() if "narrowgate.service" in line]
        self.assertEqual(ours, [])

    def test_each_line_of_the_sandbox_has_a_reason(self):
        sandbox = UNIT.read_text().split("# The sandbox.", 1)[1].split("[Install]", 1)[0].splitlines()[1:]
        settings = [number for number, line in enumerate(sandbox) if line and not line.startswith("#")]
        self.assertGreater(len(settings), 25)
        for number in settings:
            # A comment above, or a line that shares one.
            above = [sandbox[i] for i in range(max(0, number - 3), number)]
            self.assertTrue(any(line.startswith("#") for line in above), sandbox[number])


if __name__ == "__main__":
    unittest.main()
