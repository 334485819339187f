#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node's cross-compiled image in QEMU, the simulated SARA-N2 at its serial port, the real gateway and a real broker.

P1, P2 and P3 as a node sees them: what it measured arrives, no nonce is used twice, and sleep, reset, a killed gateway,
a new address and a modem that restarts cost no handshake.
"""

from emulated_node import EmulatedNode, Modem, World, begins_handshake, check_nonces, is_of_handshake, provision
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


if __name__ == "__main__":
    raise SystemExit(play(one_handshake_for_all_that_happens))
