# SPDX-License-Identifier: Apache-2.0
"""Where a benchmark ran, and how its tables look."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from stage import must  # noqa: E402


def machine():
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown processor")
    return {"processor": model, "cores": os.cpu_count(), "kernel": os.uname().release,
            "commit": must(["git", "-C", pathlib.Path(__file__).parent, "rev-parse", "--short", "HEAD"]).strip()}


def print_rows(heads, rows):
    widths = [max(len(str(row[n])) for row in [heads, *rows]) for n in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(value).ljust(width) if n == 0 else str(value).rjust(width)
                        for n, (value, width) in enumerate(zip(row, widths))))
