#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what is logged to its rules: each event of a catalogue (events.hpp) is logged somewhere, and nothing above debug is
where the datagrams of strangers are dealt with (P5). That a call names an event of the catalogue, the compiler sees to."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOGUES = [ROOT / "daemon" / "events.hpp", ROOT / "lib" / "store" / "include" / "narrowgate" / "store" / "events.hpp"]
NAME = re.compile(r'\.name = "([a-z0-9_.]+)"')
USE = re.compile(r'kEvent<"([a-z0-9_.]+)">')
# Rooms that see what is not authenticated yet, and have no log at all.
MUTE = ("lib/dtls", "lib/coap", "lib/payload")
# Between them and the store: only what happens at the start, or once until it is over, is said.
INGRESS = "daemon/ingress"
MAY_SPEAK = {"daemon/ingress/loader.cpp", "daemon/ingress/shards.cpp", "daemon/ingress/offenders_log.cpp"}


def main() -> int:
    listed = {name for page in CATALOGUES for name in NAME.findall(page.read_text())}
    mistakes = [] if listed else ["no event is listed"]
    used = set()
    for folder in ("daemon", "lib"):
        for path in sorted((ROOT / folder).rglob("*.[ch]pp")):
            if path in CATALOGUES:
                continue
            name, text = path.relative_to(ROOT).as_posix(), path.read_text()
            events = set(USE.findall(text))
            used |= events
            if name.startswith(MUTE) and "narrowgate/base/log.hpp" in text:
                mistakes.append(f"{name} includes the log: whom it deals with may be anybody")
            if name.startswith(INGRESS) and name not in MAY_SPEAK and events:
                mistakes.append(f"{name} logs {', '.join(sorted(events))}: whom it deals with may be anybody")
    mistakes += [f"{name} is listed as an event, and never logged" for name in sorted(listed - used)]
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
