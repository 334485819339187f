# SPDX-License-Identifier: Apache-2.0
"""Credentials change while nodes speak: through a NAT, over two shards, every datagram recorded. Nobody loses a
reading, nobody whose credential stays shakes hands again, and no nonce is used twice."""

import json
import sys
import time

from harness import (AWS_LIMITS, Broker, Gateway, Nodes, Pki, check, make_devices, play, wait_for,
                     write_devices)
from nat import Nat, audit_nonces

OLD, ROTATED, REVOKED = 8, 6, 2
LINK = {"delay": 0.01, "jitter": 0.02, "loss": 0.01, "duplicate": 0.01}
FAST = {"interval": 0.3, "ack_timeout": 0.3, "max_retransmit": 8, "drain": 90, "handshake_timeout_min": 0.5,
        "handshake_timeout_max": 4}


def ask(gateway, *arguments):
    status, output = gateway.command(*arguments, "--json")
    check(status == 0, f"narrowgate {' '.join(map(str, arguments))} failed ({status}):\n{output}")
    return json.loads(output)


def start_fleet(stage, nat, name, devices, seed):
    file = stage.folder / f"{name}.csv"
    write_devices(file, devices)
    return Nodes(stage, nat.address, file, seed=seed, name=name, **FAST)


def acked(nodes):
    return (nodes.totals() or {"acked": 0})["acked"]


def rotate_and_revoke_while_nodes_speak(stage):
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers},
                      {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }', "dtls.shards": 2})
    devices = make_devices(OLD + ROTATED + REVOKED)
    gateway.import_devices(devices)
    gateway.start()
    nat = Nat(stage, gateway.address, **LINK)
    fleets = {"staying": start_fleet(stage, nat, "staying", devices[:OLD], 1),
              "before": start_fleet(stage, nat, "before", devices[OLD:OLD + ROTATED], 2),
              "revoked": start_fleet(stage, nat, "revoked", devices[OLD + ROTATED:], 3)}
    for name, nodes in fleets.items():
        wait_for(lambda n=nodes: acked(n) >= 20, 60, f"readings of the nodes {name}")

    # The next credential is made; the old one goes on as if nothing were.
    new = []
    for identity, _ in devices[OLD:OLD + ROTATED]:
        told = ask(gateway, "device", "rotate", identity)
        check(told["identity"] != identity and told["psk_hex"], f"rotate said {told}")
        new.append((told["identity"], told["psk_hex"]))
    before = acked(fleets["before"])
    wait_for(lambda: acked(fleets["before"]) > before + 2 * ROTATED, 30, "readings under the old credentials")
    # Provisioned: the nodes stop under the old credentials, and come back under the new ones.
    totals = {"before": fleets["before"].finish(60)}
    check(totals["before"]["waiting"] == 0 and totals["before"]["handshakes"] == ROTATED, f"{totals}")
    fleets["after"] = start_fleet(stage, nat, "after", new, 4)
    wait_for(lambda: acked(fleets["after"]) >= 2 * ROTATED, 60, "readings under the new credentials")
    for identity, _ in devices[OLD:OLD + ROTATED]:
        wait_for(lambda i=identity: any(credential["identity"] == i and credential.get("why_revoked") == "retired"
                                        for credential in ask(gateway, "device", "show", i)["credentials"]),
                 20, f"{identity} to be retired:\n{ask(gateway, 'device', 'show', identity)}", 0.5)
    # The old credential opens nothing any more, not even for one who has its key.
    ghost = start_fleet(stage, nat, "ghost", devices[OLD:OLD + 1], 5)

    # Revoked while they speak: sessions in both shards end at once.
    for identity, _ in devices[OLD + ROTATED:]:
        ask(gateway, "device", "revoke", identity)
    revoked_us = time.time() * 1e6
    wait_for(lambda: gateway.status()["sessions"] == OLD + ROTATED, 10,
             f"the sessions of others to be all there are: {gateway.status()['sessions']}")
    time.sleep(4)
    late = [event for event in fleets["revoked"].events() if event["at_us"] > revoked_us + 500_000]
    check(any(event["event"] == "sent" for event in fleets["revoked"].events()), "the revoked nodes sent nothing")
    check(not any(event["event"] == "acked" for event in late), "a revoked node's reading was acknowledged")
    gateway.kill()
    gateway.start()
    wait_for(lambda n=acked(fleets["staying"]): acked(fleets["staying"]) > n + 2 * OLD, 30, "readings after the crash")
    check(ghost.totals()["handshakes"] == 0, "a retired credential opened a session")
    for nodes in (ghost, fleets["revoked"]):
        nodes.process.kill()
        nodes.process.wait()
    for name in ("staying", "after"):
        totals[name] = fleets[name].finish(120)
    print({name: {key: total[key] for key in ("handshakes", "sent", "acked", "given_up")}
           for name, total in totals.items()})
    for name, count in (("staying", OLD), ("before", ROTATED), ("after", ROTATED)):
        check(totals[name]["handshakes"] == count, f"{count} nodes {name} made {totals[name]['handshakes']} handshakes")
        check(totals[name]["waiting"] == 0 and totals[name]["refused"] == 0, f"{name}: {totals[name]}")

    # Readings are of devices: old and new identity count for one, each with numbers from 1.
    counted = {}
    for name in ("staying", "before", "after", "revoked"):
        for event in fleets[name].events():
            if event["event"] == "acked":
                device = event["device"].split("#")[0]
                counted[device] = counted.get(device, 0) + 1
    for broker in brokers:
        def delivered(broker=broker):
            found = {}
            for _, _, envelope in broker.readings():
                found.setdefault(envelope["device"], set()).add(envelope["id"])
            return all(len(found.get(device, ())) >= count for device, count in counted.items())
        wait_for(delivered, 60, f"every acknowledged reading at {broker.name}", 0.5)
    gateway.stop()
    nat.finish()
    audit = audit_nonces([nat.recording], sum(counted.values()), OLD + 2 * ROTATED + REVOKED)
    print(f"nonce audit: {audit}")


if __name__ == "__main__":
    sys.exit(play(rotate_and_revoke_while_nodes_speak))
