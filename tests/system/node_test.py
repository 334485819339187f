#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node's cross-compiled image in QEMU, the simulated SARA-N2 at its serial port, the real gateway and a real broker.

P1, P2 and P3 as a node sees them: what it measured arrives, no nonce is used twice, and sleep, reset, a killed gateway,
a new address and a modem that restarts cost no handshake.
"""

import struct
import zlib

from emulated_node import IDENTITY, EmulatedNode, Modem, World, begins_handshake, check_nonces, is_of_handshake, provision
from stage import check, play, wait_for

# Power saving 2 s after the connection is released, and the next reading soon after; an acknowledgement is waited for 2 s
# at first. On a busy machine the emulated core's seconds are longer ones.
SETTINGS = {"interval": 4, "active": 2, "periodic": 3600, "ack_timeout": 2000}


def check_values(readings):
    """Against what firmware/boards/qemu_netduino2 measures; none is missing."""
    check(sorted(readings) == list(range(1, len(readings) + 1)), f"readings are missing: {sorted(readings)}")
    for number, values in readings.items():
        expected = {"t": (200 + number % 100) / 10, "v": (3300 - number % 100) / 1000, "n": number}
        check(values == expected, f"reading {number} arrived as {values}, not as {expected}")


def one_handshake_for_all_that_happens(stage):
    world = World(stage)
    modem = Modem(stage)
    node = EmulatedNode.with_modem(stage, modem, provision(world, **SETTINGS))

    def happened(what, kind):
        return [entry for entry in what if entry["what"] == kind]

    def next_number():
        return max(world.readings(), default=0) + 1

    node.wait_for("session: handshake")
    world.wait_for_reading(1)

    # Power saving, and a wake-up: standby ends in a reset of the core.
    wait_for(lambda: happened(modem.entries(), "asleep"), 40, "the modem to sleep")
    node.wait_for("session: restored, no handshake")
    world.wait_for_reading(next_number())
    check(happened(modem.entries(), "awake"), "it was woken")

    # The reset pin, while it sleeps.
    node.wait_for("standby for", times=node.console().count("boot: "))
    node.press_reset()
    node.wait_for("boot: reset pin")
    world.wait_for_reading(next_number())

    # The gateway is killed, and back only when the node has asked it in vain.
    asked = len(happened(modem.air(), "up"))
    world.gateway.kill()
    wait_for(lambda: len(happened(modem.air(), "up")) > asked, 40, "an uplink to a gateway that is dead")
    number = next_number()
    world.gateway.start()
    world.wait_for_reading(number)

    # The NAT forgets the node.
    moves = world.device()["sessions"][0]["address_moves"]
    modem.tell("rebind")
    world.wait_for_reading(next_number())
    check(world.device()["sessions"][0]["address_moves"] == moves + 1, "the gateway saw it at a new address")

    # The modem restarts with a datagram half told.
    modem.tell("restart-in-send 1")
    number = next_number()
    wait_for(lambda: len(happened(modem.entries(), "start")) == 2, 40, "the modem to restart")
    world.wait_for_reading(number + 1)

    node.stop()
    check_values(world.readings())
    handshakes = world.device()["handshakes"]
    check(len(handshakes) == 1, f"the gateway counts one handshake: {handshakes}")
    air = modem.air()
    check(sum(begins_handshake(entry) for entry in air) == 1, "the node began one handshake")
    first_reading = next(n for n, entry in enumerate(air) if not is_of_handshake(entry))
    check(not any(is_of_handshake(entry) for entry in air[first_reading:]), "nothing of a handshake after the first")
    check_nonces(air)
    world.gateway.stop()


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


def a_fault_is_reported_by_the_next_uplink(stage):
    world = World(stage)
    modem = Modem(stage)
    node = EmulatedNode.with_modem(stage, modem, provision(world, **SETTINGS), crash=1)
    node.wait_for("boot: after a fault")
    node.wait_for("the last fault: exception 6 pc 0x08")

    def report():
        for _, _, envelope in world.broker.readings():
            found = {record["n"]: record["v"] for record in envelope["senml"] if record["n"].startswith("f")}
            if found:
                return found
        return None
    fault = wait_for(report, 40, "the fault at the broker")
    pc = next(line.split(" pc ")[1].split()[0] for line in node.console().splitlines() if " pc " in line)
    check(fault["fx"] == 6 and fault["fp"] == int(pc, 16), f"usage fault at {pc}: {fault}")
    # Once.
    world.wait_for_reading(3)
    check(node.console().count("the last fault: ") == 1, "it is not said again")


if __name__ == "__main__":
    raise SystemExit(play(one_handshake_for_all_that_happens, without_what_it_needs_it_says_so_and_does_nothing,
                          a_modem_that_it_does_not_know_is_named, a_fault_is_reported_by_the_next_uplink))
