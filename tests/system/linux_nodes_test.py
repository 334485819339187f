#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The firmware's own core on this machine against the gateway and its brokers: kill -9 of the nodes, and of the
gateway, costs no handshake and no reading."""

import sys

from harness import (AWS_LIMITS, ROOT, Broker, Gateway, Pki, Verifier, check, make_devices, must, play, run, wait_for,
                     write_devices)
from linux_nodes import NODE_BINARY, LinuxNodes
from modem_test import start as start_modem

PROVISION = ROOT / "firmware" / "tools" / "provision"

BY_UDP = 20
INTERVAL = 3  # seconds; all speak within the second that their clocks are apart
MODEM_NODE = "wm-modem"


def start_nodes(stage, gateway, files, modem):
    common = {"gateway": gateway.address, "resource": "telemetry", "interval": INTERVAL, "ack_timeout": 2,
              "readings_a_message": 1, "drain": 20}
    return [LinuxNodes(stage, "udp", devices=files[0], state=stage.folder / "udp-state", **common),
            LinuxNodes(stage, "modem", devices=files[1], state=stage.folder / "modem-state", modem=modem, **common)]


def wait_for_readings(fleets, more, what):
    """Until every fleet has had so many more readings acknowledged for each of its nodes."""
    before = [fleet.ask() for fleet in fleets]

    def enough():
        return all(fleet.ask()["acked"] >= start["acked"] + more * start["nodes"]
                   for fleet, start in zip(fleets, before))
    wait_for(enough, 40, what, every=0.1)


def kill_while_asleep(fleet):
    """kill -9 when all have spoken as often and sleep: a node that is killed awake has no session."""
    def is_calm():
        totals = fleet.ask()
        return totals["asleep"] == totals["nodes"] and totals["measured"] % totals["nodes"] == 0
    wait_for(lambda: not is_calm(), 20, "a node to wake", every=0.01)
    wait_for(is_calm, 20, "all nodes to sleep", every=0.01)
    fleet.kill()


def sessions_outlive_the_nodes_and_the_gateway(stage):
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers})
    devices = make_devices(BY_UDP) + make_devices(1, MODEM_NODE)
    gateway.import_devices(devices)
    files = [stage.folder / "udp.csv", stage.folder / "modem.csv"]
    write_devices(files[0], devices[:BY_UDP])
    write_devices(files[1], devices[BY_UDP:])
    gateway.start()
    _, modem, _ = start_modem(stage, "sara", ["--socket", stage.folder / "uart", "--baud", 0, "--radio-on-time", 0.2])

    fleets = start_nodes(stage, gateway, files, modem)
    for fleet in fleets:
        wait_for(lambda: fleet.ask()["established"] == fleet.totals()["nodes"], 30, "the nodes' sessions", every=0.1)
    began = [fleet.ask() for fleet in fleets]
    check([totals["handshakes"] for totals in began] == [BY_UDP, 1], f"a handshake a node: {began}")

    for fleet in fleets:
        kill_while_asleep(fleet)
    fleets = start_nodes(stage, gateway, files, modem)
    wait_for_readings(fleets, 1, "readings after the nodes were killed")
    for fleet in fleets:
        totals = fleet.ask()
        check(totals["handshakes_started"] == 0 and totals["resumed"] >= totals["nodes"],
              f"nodes that were killed shook hands again: {totals}")

    gateway.kill()
    gateway.start()
    wait_for_readings(fleets, 1, "readings after the gateway was killed")
    ends = [fleet.finish(60) for fleet in fleets]
    for totals in ends:
        check(totals["handshakes_started"] == 0, f"a handshake after the gateway was killed: {totals}")
        check(totals["waiting"] == totals["dropped"] == totals["refused"] == 0, f"readings are left: {totals}")
    verifier = Verifier([event for fleet in fleets for event in fleet.events()])
    check(len(verifier.acked) >= 3 * (BY_UDP + 1), f"only {len(verifier.acked)} readings were acknowledged")
    check(verifier.sent == verifier.acked, "a reading was measured and never acknowledged")
    check(verifier.wait_until_delivered(brokers, 20), "an acknowledged reading is not at the brokers")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        check(verdict["lost"] == verdict["stored_twice"] == verdict["never_sent"] == 0, f"at {broker.name}: {verdict}")
    gateway.stop()


def wrong_input_is_named(stage):
    good = stage.folder / "good.csv"
    write_devices(good, make_devices(2))
    open_to_all = stage.folder / "open.csv"
    write_devices(open_to_all, make_devices(1))
    open_to_all.chmod(0o644)
    keyless = stage.folder / "keyless.csv"
    keyless.write_text("identity,fleet\nwm-0001,water-meters\n")
    keyless.chmod(0o600)
    key = stage.folder / "key"
    key.write_text("5a" * 16 + "\n")
    key.chmod(0o600)
    block = stage.folder / "block"
    must([PROVISION, "--identity", "wm-9", "--psk-file", key, "--gateway", "127.0.0.1", "--binary", "-o", block])
    damaged = stage.folder / "damaged"
    damaged.write_bytes(block.read_bytes()[:-1] + b"\0")
    damaged.chmod(0o600)

    def refuses(said, *arguments):
        status, output = run([NODE_BINARY, *arguments], timeout=10)
        check(status == 2 and said in output, f"{arguments}: status {status}, {output!r} instead of {said!r}")
    gateway = ("--gateway", "127.0.0.1:1")
    refuses("chmod 600", *gateway, "--devices", open_to_all)
    refuses("keyless.csv:2", *gateway, "--devices", keyless)
    refuses("names 2 devices", *gateway, "--devices", good, "--count", 3)
    refuses("gateway", "--devices", good)
    refuses("'gateway.example'", "--gateway", "gateway.example", "--devices", good)
    refuses("who the nodes are", *gateway)
    refuses("--interval: '0'", *gateway, "--devices", good, "--interval", 0)
    refuses("--nonsense", *gateway, "--devices", good, "--nonsense")
    refuses("checksum", "--block", damaged)
    refuses("no-modem", *gateway, "--devices", good, "--modem", stage.folder / "no-modem")

    # Three that are right, of which the second finds the file of the first in use.
    state = stage.folder / "state"
    nodes = LinuxNodes(stage, "first", gateway="127.0.0.1:1", identity_prefix="wm-", count=3, psk_file=key, state=state,
                       drain=0)
    check(nodes.totals()["nodes"] == 3, f"three by a prefix: {nodes.totals()}")
    refuses("in use by another process", *gateway, "--identity-prefix", "wm-", "--count", 1, "--psk-file", key, "--state",
            state)
    check(LinuxNodes(stage, "third", block=block, drain=0).finish(10)["nodes"] == 1, "one by its block")
    check(nodes.finish(10)["nodes"] == 3, "and it ends though its gateway is not there")


if __name__ == "__main__":
    sys.exit(play(wrong_input_is_named, sessions_outlive_the_nodes_and_the_gateway))
