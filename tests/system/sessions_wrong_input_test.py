# SPDX-License-Identifier: Apache-2.0
"""Wrong input where sessions live: rows that are damaged, swapped or of another store, a sealing key that is
wrong or that others can read. What is wrong ends alone; nobody else shakes hands."""

import json
import os
import re
import shutil
import sqlite3
import sys
from contextlib import closing

from harness import Gateway, Nodes, Pki, check, make_devices, play, run, tail, wait_for

NOWHERE = {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}
OVERRIDES = {"dtls.handshake_timeout": '{ min = "1s", max = "4s" }', "dtls.shards": 2}
NODES = 12


def make_gateway(stage, name="gateway", pki="pki"):
    return Gateway(stage, Pki(stage.folder / pki), NOWHERE, OVERRIDES, name=name)


def says(text, *patterns):
    for pattern in patterns:
        check(re.search(pattern, text, re.I | re.S), f"should say /{pattern}/, said:\n{text}")


def start_nodes(stage, gateway, devices, name="nodes"):
    """Nodes that shake hands anew when nobody knows their session: after some 8 s without an answer."""
    nodes = Nodes(stage, gateway.address, devices, name=name, interval=0.5, ack_timeout=0.5, max_retransmit=3,
                  reconnect=True, drain=60, handshake_timeout_min=0.5, handshake_timeout_max=4)
    wait_for(lambda: (nodes.totals() or {}).get("handshakes") == len(devices.read_text().splitlines()) - 1, 60,
             "every node's handshake")
    wait_for_acknowledgements(nodes, 2 * NODES)
    return nodes


def wait_for_acknowledgements(nodes, more, seconds=60):
    before = nodes.totals()["acked"]
    wait_for(lambda: nodes.totals()["acked"] >= before + more, seconds, f"{more} more acknowledgements", 0.2)


def open_store(gateway):
    return closing(sqlite3.connect(gateway.folder / "state" / "state.db", isolation_level=None))


def sessions_of(database):
    """Of each session's identity: (id, sealed)."""
    rows = database.execute("SELECT credential.identity, session.id, session.sealed FROM session "
                            "JOIN credential ON credential.id = session.credential")
    return {identity: (number, sealed) for identity, number, sealed in rows}


def handshakes_by_device(nodes):
    counts = {}
    for event in nodes.events():
        if event["event"] == "established":
            counts[event["device"]] = counts.get(event["device"], 0) + 1
    return counts


def damaged_rows_end_alone(stage):
    gateway = make_gateway(stage)
    other = make_gateway(stage, "other", "other-pki")
    made = make_devices(NODES)
    devices = gateway.import_devices(made)
    other.import_devices(made)
    # The same nodes have sessions at another gateway too, under another sealing key.
    other.start()
    strangers = start_nodes(stage, other, devices, "at-the-other")
    strangers.finish(60)
    other.stop()
    gateway.start()
    nodes = start_nodes(stage, gateway, devices)
    gateway.stop()

    with open_store(other) as foreign, open_store(gateway) as store:
        here, there = sessions_of(store), sessions_of(foreign)
        check(len(here) == NODES and len(there) == NODES, f"{len(here)} and {len(there)} sessions in the stores")
        names = sorted(here)
        new = {names[0]: here[names[0]][1][:-1],  # truncated
               names[1]: b"",
               names[2]: here[names[2]][1][:20] + bytes([here[names[2]][1][20] ^ 1]) + here[names[2]][1][21:],
               names[3]: here[names[4]][1],  # swapped
               names[4]: here[names[3]][1],
               names[5]: there[names[5]][1]}  # of another store
        for name, sealed in new.items():
            store.execute("UPDATE session SET sealed = ? WHERE id = ?", (sealed, here[name][0]))
    mark = len(gateway.log_text())
    gateway.start()
    wait_for(lambda: nodes.totals()["handshakes"] >= NODES + len(new), 60, "the damaged nodes to shake hands again")
    wait_for_acknowledgements(nodes, 4 * NODES)
    status, output = gateway.command("store", "show", "--json")
    check(status == 0 and json.loads(output)["bad_rows"] == len(new), f"{len(new)} damaged rows, said:\n{output}")
    totals = nodes.finish(90)
    again = {device for device, count in handshakes_by_device(nodes).items() if count > 1}
    check(again == set(new) and totals["handshakes"] == NODES + len(new),
          f"{sorted(new)} were damaged, {sorted(again)} shook hands again: {totals}")
    check(totals["waiting"] == 0, f"readings were not acknowledged: {totals}")
    lines = [line for line in gateway.log_text()[mark:].splitlines()
             if re.search(r"sessions? .*cannot|sealing|damaged", line) and "event=gateway.starting" not in line]
    check(len(lines) == 1, "damaged rows are to be one line of the log, were:\n" + "\n".join(lines)
          + "\nthe end of the log:\n" + tail(gateway.log))
    gateway.stop()
    # They are gone for good: the next start has nothing to say.
    mark = len(gateway.log_text())
    gateway.start()
    wait_for(lambda: not gateway.status().get("load", {}).get("loading"), 20, "the loading to end")
    check(json.loads(gateway.command("store", "show", "--json")[1])["bad_rows"] == 0, "bad rows come back")
    gateway.stop()


def a_wrong_sealing_key(stage):
    gateway = make_gateway(stage)
    devices = gateway.import_devices(make_devices(NODES))
    gateway.start()
    nodes = start_nodes(stage, gateway, devices)
    key = gateway.folder / "state" / "state.key"
    kept = stage.folder / "kept.key"
    shutil.copy(key, kept)

    gateway.stop()
    key.write_text(os.urandom(32).hex() + "\n")
    status, output = gateway.run_until_it_fails()
    check(status > 0, "the gateway starts with a wrong sealing key")
    says(output, re.escape(str(key)), "not the one", "put back the right key")
    key.unlink()
    status, output = gateway.run_until_it_fails()
    check(status > 0 and not key.exists(), "the gateway starts without its sealing key, or makes another")
    says(output, re.escape(str(key)), "missing", "put the key back")
    shutil.copy(kept, key)
    key.chmod(0o644)
    status, output = gateway.run_until_it_fails()
    check(status > 0, "the gateway takes a key that others can read")
    says(output, re.escape(str(key)), "0644", f"chmod 600 {re.escape(str(key))}")

    # As the message says; and it costs nobody a handshake.
    must_chmod = re.search(r"chmod 600 \S*state\.key", output)[0].split()
    check(run(must_chmod)[0] == 0, "the cure does not work")
    gateway.start()
    wait_for_acknowledgements(nodes, 4 * NODES)
    totals = nodes.finish(60)
    check(totals["handshakes"] == NODES and totals["waiting"] == 0, f"nodes had to shake hands: {totals}")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(damaged_rows_end_alone, a_wrong_sealing_key))
