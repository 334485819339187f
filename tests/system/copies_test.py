# SPDX-License-Identifier: Apache-2.0
"""P1 to P3 over copies and moves: a backup of a live gateway restored elsewhere, sessions that move to another
gateway, sessions that are forgotten. Every datagram is recorded: no nonce is used twice.

A second gateway listens where the first did, with a state directory and a sealing key of its own: to the nodes it
is the first one's address on another machine.
"""

import json
import os
import shutil
import socket
import stat
import struct
import sys
import time

from harness import (AWS_LIMITS, Broker, Gateway, Nodes, Pki, Verifier, check, free_port, make_devices, play,
                     reading_key, wait_for)
from nat import Nat, audit_nonces

NODES = 12
LINK = {"delay": 0.01, "jitter": 0.02, "loss": 0.01, "duplicate": 0.01}
OVERRIDES = {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }', "aws.batch_size": '"0B"'}
MAGIC = b"narrowgate-nat recording 1\n"


def ask(gateway, *arguments):
    status, output = gateway.command(*arguments, "--json")
    check(status == 0, f"narrowgate {' '.join(map(str, arguments))} failed ({status}):\n{output}")
    return json.loads(output)


def refused(gateway, words, *arguments):
    status, output = gateway.command(*arguments)
    check(status != 0, f"narrowgate {' '.join(map(str, arguments))} was not refused:\n{output}")
    for word in words:
        check(word in output, f"the refusal does not say \"{word}\":\n{output}")


def start_brokers(stage, pki):
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    return brokers


def make_gateway(stage, pki, brokers, name, port=None):
    return Gateway(stage, pki, {broker.name: broker.url for broker in brokers}, OVERRIDES, name=name, port=port)


def acknowledged(nodes):
    return Verifier(nodes.events()).acked


def wait_for_acknowledgements(nodes, more, seconds=60):
    """Waits until `more` further readings are acknowledged; returns all that are."""
    before = len(acknowledged(nodes))
    wait_for(lambda: len(acknowledged(nodes)) >= before + more, seconds, f"{more} more acknowledgements", 0.3)
    return acknowledged(nodes)


def delivered_by(broker):
    return {reading_key(envelope) for _, _, envelope in broker.readings()}


def protected_uplinks(recording):
    """The nodes' records with a connection ID (content type 25), as they were sent."""
    data = recording.read_bytes()
    check(data.startswith(MAGIC), "this is no recording")
    at, found = len(MAGIC), []
    while at + 31 <= len(data):
        kind, size = data[at:at + 1], struct.unpack_from(">H", data, at + 29)[0]
        datagram = data[at + 31:at + 31 + size]
        if kind == b"u" and datagram[:1] == b"\x19":
            found.append(datagram)
        at += 31 + size
    return found


def final_checks(nodes, brokers, totals, handshakes, all_delivered=True):
    verifier = Verifier(nodes.events())
    if all_delivered:
        check(verifier.wait_until_delivered(brokers, 60), "acknowledged readings are lost")
    check(totals["handshakes"] == handshakes, f"{totals['handshakes']} handshakes instead of {handshakes}: {totals}")
    check(totals["waiting"] == 0 and totals["refused"] == 0, f"readings were not acknowledged: {totals}")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        print(f"{broker.name}: {verdict}")
        check(verdict["never_sent"] == 0 and not verdict["ids_reused"], "an id was given to two readings")
    return verifier


def a_backup_under_load_restored_elsewhere(stage):
    pki = Pki(stage.folder / "pki")
    brokers = start_brokers(stage, pki)
    first = make_gateway(stage, pki, brokers, "first")
    devices = first.import_devices(make_devices(NODES))
    # What one upstream does not take waits in the store: the backup has something to deliver.
    brokers[1].stop()
    first.start()
    nat = Nat(stage, first.address, **LINK)
    nodes = Nodes(stage, nat.address, devices, interval=0.3, ack_timeout=0.3, max_retransmit=4, reconnect=True,
                  drain=120, handshake_timeout_min=0.5, handshake_timeout_max=4)
    wait_for(lambda: (nodes.totals() or {}).get("handshakes") == NODES, 60, "every node's handshake")
    wait_for_acknowledgements(nodes, 5 * NODES)

    backup = stage.folder / "backup.db"
    ask(first, "backup", backup)
    check(stat.S_IMODE(backup.stat().st_mode) == 0o600, "others can read the backup")
    refused(first, ["exists", "--force"], "backup", backup)
    refused(first, ["runs", "stop"], "restore", backup)
    wait_for_acknowledgements(nodes, 2 * NODES)
    before = acknowledged(nodes)
    status, output = first.command("backup", backup, "--force")
    check(status == 0 and "sealing key" in output and str(first.folder / "state" / "state.key") in output,
          f"the command does not say which key to keep:\n{output}")
    lost_with_the_machine = ask(first, "store", "show")
    first.kill()

    second = make_gateway(stage, pki, brokers, "second", first.port)
    refused(second, ["sealing key", "missing"], "restore", backup)
    shutil.copy(first.folder / "state" / "state.key", second.folder / "state" / "state.key")
    told = ask(second, "restore", backup)
    check(told["devices"] == NODES and told["readings"] > 0, f"the backup held too little: {told}")
    check(told["next_reading"] > lost_with_the_machine["next_reading"] + (1 << 39), f"numbers are too near: {told}")
    check(ask(second, "sessions", "list")["sessions"] == 0, "the restored store has sessions")
    second.start()
    brokers[1].start()
    wait_for(lambda: nodes.totals()["handshakes"] >= 2 * NODES, 120, "every node to shake hands once more")
    wait_for_acknowledgements(nodes, 3 * NODES)
    totals = nodes.finish(150)
    wait_for(lambda: all(before <= delivered_by(broker) for broker in brokers), 60,
             "what was acknowledged before the backup to be delivered", 0.5)
    # What was acknowledged after the backup was on the lost machine alone.
    final_checks(nodes, brokers, totals, 2 * NODES, all_delivered=False)
    show = ask(second, "device", "show", "wm-0001")
    check("backup" in show["why"] or show["handshakes"][0]["reason"] == "restored",
          f"device show does not explain the handshake: {show}")
    second.stop()
    nat.finish()
    print(f"nonce audit: {audit_nonces([nat.recording], 10 * NODES, 2 * NODES)}")


def sessions_that_move(stage):
    pki = Pki(stage.folder / "pki")
    brokers = start_brokers(stage, pki)
    first = make_gateway(stage, pki, brokers, "first")
    second = make_gateway(stage, pki, brokers, "second", first.port)
    made = make_devices(NODES)
    devices = first.import_devices(made)
    second.import_devices(made)
    there = ask(second, "sessions", "list")["instance"]
    key = stage.folder / "transfer.key"
    key.touch(0o600)
    key.write_text(os.urandom(32).hex() + "\n")
    first.start()
    nat = Nat(stage, first.address, rebind_every=20, ports=256, reuse=0.1, **LINK)
    nodes = Nodes(stage, nat.address, devices, interval=0.3, ack_timeout=0.3, max_retransmit=8, drain=120,
                  handshake_timeout_min=0.5, handshake_timeout_max=4)
    wait_for(lambda: (nodes.totals() or {}).get("handshakes") == NODES, 60, "every node's handshake")
    wait_for_acknowledgements(nodes, 5 * NODES)

    file = stage.folder / "sessions.ngsx"
    export = ["sessions", "export", "--for", there, "--to", file, "--key-file", key]
    refused(first, ["runs", "stop"], *export)
    check(not file.exists(), "a refused export leaves a file")
    first.stop()
    told = ask(first, *export)
    check(told["sessions"] == NODES, f"not every session was exported: {told}")
    check(stat.S_IMODE(file.stat().st_mode) == 0o600, "others can read the file of sessions")
    again = stage.folder / "again.ngsx"
    ask(first, "sessions", "export", "--again", "--to", again)
    check(again.read_bytes() == file.read_bytes(), "the second file differs")
    told = ask(second, "sessions", "import", "--from", file, "--key-file", key)
    check(told["sessions"] == NODES, f"not every session was imported: {told}")
    refused(second, ["was imported here"], "sessions", "import", "--from", again, "--key-file", key)
    refused(first, ["own export"], "sessions", "import", "--from", again, "--key-file", key)
    ask(first, "sessions", "export", "--done")
    second.start()
    wait_for_acknowledgements(nodes, 5 * NODES)
    nat.rebind_all()
    wait_for_acknowledgements(nodes, 3 * NODES)

    # The source, started again at another address, gets what its nodes sent, to it and since.
    other = free_port(socket.SOCK_DGRAM)
    first.config.write_text(first.config.read_text().replace(f"127.0.0.1:{first.port}", f"127.0.0.1:{other}"))
    first.start()
    records = protected_uplinks(nat.recording)
    check(len(records) > 8 * NODES, f"only {len(records)} records were recorded")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        attacker.settimeout(1)
        for record in records:
            attacker.sendto(record, ("127.0.0.1", other))
            time.sleep(0.001)
        wait_for(lambda: first.status()["uplink"]["fates"].get("unknown_cid", 0) >= len(records) // 2, 20,
                 "the source to have seen the records")
        try:
            answer = attacker.recv(2048)
        except TimeoutError:
            answer = b""
        check(not answer, f"the source answers with a session that it gave away: {answer.hex()}")
    first.stop()

    totals = nodes.finish(150)
    verifier = final_checks(nodes, brokers, totals, NODES)
    for broker in brokers:
        check(verifier.verdict(broker)["stored_twice_unexplained"] == 0, "a reading was stored at both gateways")
    second.stop()
    nat.finish()
    print(f"nonce audit: {audit_nonces([nat.recording], 10 * NODES, NODES)}")


def sessions_forgotten_while_nodes_speak(stage):
    pki = Pki(stage.folder / "pki")
    brokers = start_brokers(stage, pki)
    gateway = make_gateway(stage, pki, brokers, "gateway")
    devices = gateway.import_devices(make_devices(NODES))
    gateway.start()
    nat = Nat(stage, gateway.address, **LINK)
    nodes = Nodes(stage, nat.address, devices, interval=0.3, ack_timeout=0.3, max_retransmit=4, reconnect=True,
                  drain=120, handshake_timeout_min=0.5, handshake_timeout_max=4)
    wait_for(lambda: (nodes.totals() or {}).get("handshakes") == NODES, 60, "every node's handshake")
    wait_for_acknowledgements(nodes, 2 * NODES)
    refused(gateway, ["--yes"], "sessions", "forget", "--all")
    told = ask(gateway, "sessions", "forget", "wm-0003")
    check(told["sessions"] == 1, f"one session was to be forgotten: {told}")
    wait_for(lambda: nodes.totals()["handshakes"] == NODES + 1, 60, "the node to shake hands again")
    told = ask(gateway, "sessions", "forget", "--all", "--yes")
    check(told["sessions"] >= NODES, f"every session was to be forgotten: {told}")
    wait_for(lambda: nodes.totals()["handshakes"] == 2 * NODES + 1, 120, "every node to shake hands again")
    wait_for_acknowledgements(nodes, 2 * NODES)
    show = ask(gateway, "device", "show", "wm-0001")
    check(show["handshakes"][0]["reason"] == "forgotten", f"device show does not explain the handshake: {show}")
    log = ask(gateway, "audit")
    check([entry["action"] for entry in log[:2]] == ["forget", "forget"], f"the audit trail lacks it: {log[:3]}")
    gateway.stop()
    gateway.start()
    wait_for_acknowledgements(nodes, 2 * NODES)
    totals = nodes.finish(150)
    final_checks(nodes, brokers, totals, 2 * NODES + 1)
    gateway.stop()
    nat.finish()
    print(f"nonce audit: {audit_nonces([nat.recording], 5 * NODES, 2 * NODES)}")


if __name__ == "__main__":
    sys.exit(play(a_backup_under_load_restored_elsewhere, sessions_that_move, sessions_forgotten_while_nodes_speak))
