#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no file of the project may hold: work left undone, a machine's own paths, mirrors, tests that sleep,
sources without a licence line, files that grew past 500 lines."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = {".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".cmake"}
FORBIDDEN = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"), "work left undone"),
    (re.compile(r"(?<![\w.])/(work|farm|home/\w+)/"), "a path of one machine"),
    (re.compile(r"^(deb|deb-src|URIs:)\s+https?:|https?://[^/\s]+/(debian|npm)\b", re.M), "a package mirror"),
]
SLEEPS = re.compile(r"sleep_for|sleep_until|\busleep\(|\bnanosleep\(|(?<![\w.])sleep\(\d")
LONGEST = 500


def tracked() -> list[pathlib.Path]:
    names = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True).stdout
    return [pathlib.Path(name) for name in names.decode().split("\0") if name]


def main() -> int:
    mistakes = []
    for name in tracked():
        path = ROOT / name
        if not path.is_file() or "corpus" in name.parts:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for pattern, what in FORBIDDEN:
            for match in pattern.finditer(text):
                mistakes.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match[0]}")
        if name.suffix not in CODE and name.name != "CMakeLists.txt":
            continue
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:3]):
            mistakes.append(f"{name}:1: no SPDX line")
        if name.suffix in {".cpp", ".hpp", ".c", ".h"} and len(text.splitlines()) > LONGEST:
            mistakes.append(f"{name}: {len(text.splitlines())} lines; split it by noun at {LONGEST}")
        if name.parts[0] == "tests" and name.parts[1] not in {"system", "sim"} and name.suffix in {".cpp", ".hpp"}:
            for match in SLEEPS.finditer(text):
                mistakes.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: a test sleeps: {match[0]}")
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
