#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the code to docs/architecture.md: which room may include which, and where a library's headers may be.

The page's tables are the rule; the includes are the fact. Both directions count: an arrow that no include
needs any more is a mistake of the page.

The node's firmware has layers of its own (docs/firmware.md), and its mbedTLS is seen by one of them.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
SOURCES = {".cpp", ".hpp", ".c", ".h"}


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below `heading`, its two head lines left out."""
    rows: list[list[str]] = []
    for line in page.split(heading, 1)[1].splitlines()[1:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def files(folder: pathlib.Path):
    return sorted(path for path in folder.rglob("*") if path.suffix in SOURCES)


def firmware_layer(path: str) -> str:
    """`at` of at/at.h; below boards each folder is a layer of its own: `boards/common` of boards/common/log.h."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "boards" else parts[0]


def firmware_mistakes() -> list[str]:
    """Of the table in docs/firmware.md: which layer may include which."""
    page = (ROOT / "docs" / "firmware.md").read_text()
    arrows = {words(row[0])[0]: set(words(row[1])) for row in table(page, "## Layers")}
    mistakes = []
    used = {layer: set() for layer in arrows}
    for path in files(ROOT / "firmware"):
        name = path.relative_to(ROOT)
        layer = firmware_layer(name.relative_to("firmware").as_posix())
        if layer not in arrows:
            mistakes.append(f"docs/firmware.md does not name the layer of {name}")
            continue
        for kind, header in INCLUDE.findall(path.read_text()):
            other = firmware_layer(header)
            if kind == "<" and other == "mbedtls" and layer != "dtls":
                mistakes.append(f"{name} includes {header}: only dtls may")
            if kind == '"' and other != layer:
                used[layer].add(other)
                if other not in arrows[layer]:
                    mistakes.append(f"{name} includes {header}: {layer} may not use {other}")
    for layer, others in arrows.items():
        for other in sorted(others - used[layer]):
            mistakes.append(f"docs/firmware.md lets {layer} use {other}, but nothing in it does")
    return mistakes


def main() -> int:
    page = PAGE.read_text()
    arrows = {words(row[0])[0]: set(words(row[1])) for row in table(page, "## Rooms and arrows")}
    libraries = {}  # header prefix -> places that may include it
    for row in table(page, "## Libraries"):
        for prefix in words(row[1]):
            libraries[prefix] = words(row[2])

    mistakes = []
    used = {room: set() for room in arrows}
    rooms = {path.name for path in (ROOT / "lib").iterdir() if (path / "CMakeLists.txt").exists()}
    if rooms | {"daemon"} != set(arrows):
        mistakes.append(f"docs/architecture.md names the rooms {sorted(arrows)}, the tree has {sorted(rooms)}")

    for room in sorted(arrows):
        folder = ROOT / "daemon" if room == "daemon" else ROOT / "lib" / room
        for path in files(folder):
            name = path.relative_to(ROOT)
            for _, header in INCLUDE.findall(path.read_text()):
                other = re.match(r"narrowgate/([a-z]+)/", header)
                if other and other[1] != room:
                    used[room].add(other[1])
                    if other[1] not in arrows[room]:
                        mistakes.append(f"{name} includes {header}: {room} may not use {other[1]}")
                if header.startswith("daemon/") and room != "daemon":
                    mistakes.append(f"{name} includes {header}: a room may not use the daemon")
                for prefix, places in libraries.items():
                    if not header.startswith(prefix):
                        continue
                    if not any(str(name).startswith(place) for place in places):
                        mistakes.append(f"{name} includes {header}: only {', '.join(places)} may")
    for room, others in arrows.items():
        for other in sorted(others - used.get(room, set())):
            mistakes.append(f"docs/architecture.md lets {room} use {other}, but nothing in it does")

    mistakes += firmware_mistakes()
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
