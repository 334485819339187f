#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node's cross-compiled image in QEMU, when something is wrong with it: no provisioning, no random numbers, another
modem, a fault, a loop that stands still."""

import re
import struct
import zlib

from emulated_node import IDENTITY, EmulatedNode, Modem, World, provision
from stage import check, play, wait_for

# DDI0403 section B1.5.2; firmware/boards/common/crash.h.
USAGE_FAULT, WATCHDOG = 6, 256


def block(fields):
    """A provisioning page of these fields (firmware/provisioning/block.h), which may lack some."""
    body = b"".join(bytes([number, len(value)]) + value for number, value in fields)
    head = b"NGP1" + struct.pack("<HH", len(body), 0)
    return head + body + struct.pack("<I", zlib.crc32(head + body))


def without_what_it_needs_it_says_so_and_does_nothing(stage):
    good = [(1, IDENTITY.encode()), (2, bytes(16)), (3, b"127.0.0.1")]
    pages = {"erased": b"\xff" * 1024, "no-psk": block([good[0], good[2]]),
             "bad-gateway": block([*good[:2], (3, b"gateway.example")]), "good": block(good)}
    for name, content in pages.items():
        (stage.folder / f"{name}.bin").write_bytes(content)
    cases = [("erased", {}, "nothing is provisioned"), ("no-psk", {}, "a field is missing: psk"),
             ("bad-gateway", {}, "a field has a wrong value: gateway"),
             ("good", {"no_entropy": 1}, "the random number generator does not work: no start")]
    for number, (page, arguments, said) in enumerate(cases):
        modem = Modem(stage, name=f"modem-{number}")
        node = EmulatedNode.with_modem(stage, modem, stage.folder / f"{page}.bin", name=f"node-{number}", **arguments)
        node.wait_for(said)
        node.type("show", "node: ")  # it is alive
        check(modem.heard() == [], f"{page}: the modem was told {modem.heard()}")
        node.stop()


def a_modem_that_it_does_not_know_is_named(stage):
    page = stage.folder / "page.bin"
    page.write_bytes(block([(1, IDENTITY.encode()), (2, bytes(16)), (3, b"127.0.0.1")]))
    modem = Modem(stage, model="SARA-R410M")
    node = EmulatedNode.with_modem(stage, modem, page)
    node.wait_for("this driver knows the SARA-N2, and this is: SARA-R410M")
    check(all(told == "T" or told in ("AT", "AT+CGMM", "AT+CGMR") for told in modem.heard()),
          f"nothing else was asked of it: {modem.heard()}")


def what_went_wrong_is_reported_by_the_next_uplink(stage):
    world = World(stage, devices=2)
    causes = {"node-0001": ({"crash": 1}, "boot: after a fault", USAGE_FAULT),
              "node-0002": ({"hang": 1}, "boot: watchdog", WATCHDOG)}
    nodes = {}
    for identity, (arguments, _, _) in causes.items():
        modem = Modem(stage, name=f"modem-of-{identity}")
        page = provision(world, identity, interval=4, ack_timeout=2000)
        nodes[identity] = EmulatedNode.with_modem(stage, modem, page, name=identity, **arguments)

    def reports(identity):
        found = [{record["n"]: record["v"] for record in envelope["senml"] if record["n"].startswith("f")}
                 for _, _, envelope in world.broker.readings() if envelope["device"] == identity]
        return [report for report in found if report]
    for identity, (_, said, exception) in causes.items():
        node = nodes[identity]
        # A watchdog waits 33 s, which on a busy machine are longer ones.
        node.wait_for(said, 120)
        wait_for(lambda identity=identity: reports(identity), 40, f"the report of {identity} at the broker")
        node.wait_for("acknowledged", times=2)
        place = re.search(rf"the last fault: exception {exception} pc (0x[0-9a-f]+)", node.console())
        check(place, f"{identity} says on its console what it was")
        check([(report["fx"], report["fp"]) for report in reports(identity)] == [(exception, int(place[1], 16))],
              f"once, and with its place: {reports(identity)}")
        check(node.console().count("the last fault: ") == 1, "it is not said again")
        check((int(place[1], 16) >> 24 == 8) == (exception == USAGE_FAULT), f"a place in flash: {place[1]}")


if __name__ == "__main__":
    raise SystemExit(play(without_what_it_needs_it_says_so_and_does_nothing, a_modem_that_it_does_not_know_is_named,
                          what_went_wrong_is_reported_by_the_next_uplink))
