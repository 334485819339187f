#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/promises.md names a test for each promise: checks that each of these tests exists."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "promises.md"
TEST = re.compile(r"^\s*TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)


def main() -> int:
    known = set()
    for path in (ROOT / "tests").rglob("*_test.cpp"):
        known |= {f"{suite}.{name}" for suite, name in TEST.findall(path.read_text())}
    known |= {f"tests/system/{path.name}" for path in (ROOT / "tests" / "system").glob("*_test.py")}

    mistakes = []
    promises = 0
    for row in re.findall(r"^\| (P\d+) \|(.*)\|\s*$", PAGE.read_text(), re.MULTILINE):
        promises += 1
        tests = re.findall(r"`([\w/]+\.\w+)`", row[1].rsplit("|", 1)[-1])
        if not tests:
            mistakes.append(f"docs/promises.md: {row[0]} names no test")
        mistakes += [f"docs/promises.md: {row[0]} names {test}, which does not exist"
                     for test in tests if test not in known]
    if promises == 0:
        mistakes.append("docs/promises.md: no promises found")
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
