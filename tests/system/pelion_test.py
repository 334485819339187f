# SPDX-License-Identifier: Apache-2.0
"""A pelion-edge upstream from end to end: mosquitto on the files of etc/, and the translator behind it that is
restarted, becomes deaf, refuses nodes and has a limit. No reading is lost and no message would have killed it."""

import json
import re
import sys

from clouds import PelionBroker, Translator, value_at
from harness import CoapClient, Gateway, Nodes, Pki, Verifier, check, make_devices, play, wait_for

KEY = "a-key-of-plain-text"  # as libcoap's client takes it
NOWHERE = "mqtts://localhost:1"
# As in etc/, only more impatient.
QUICK = {"pelion.answer_timeout": '"2s"', "pelion.probe_interval": '"1s"', "gateway.log_level": '"warning"'}


def house(stage, devices, overrides=None):
    pki = Pki(stage.folder / "pki")
    broker = PelionBroker(stage, pki)
    broker.start()
    gateway = Gateway(stage, pki, {"aws": NOWHERE, "pelion": broker.url}, {**QUICK, **(overrides or {})},
                      own_forms=True)
    return pki, broker, gateway, gateway.import_devices(devices)


def pelion(gateway):
    return next(upstream for upstream in gateway.status()["upstreams"] if upstream["name"] == "pelion")


def has_newest(translator, verifier, nodes):
    """Whether Edge holds the number of each node's last acknowledged reading, or a later one."""
    newest = {node: max((seq for device, seq in verifier.acked if device == node), default=0) for node in nodes}
    return all(translator.sequence(node) >= seq > 0 for node, seq in newest.items())


def values_reach_edge_whatever_becomes_of_the_translator(stage):
    devices = make_devices(4)
    names = [name for name, _ in devices]
    _, broker, gateway, file = house(stage, devices)
    gateway.start()
    nodes = Nodes(stage, gateway.address, file, interval=0.5, ack_timeout=2, drain=20)

    # Nobody is there yet: readings wait, and status says for what.
    wait_for(lambda: "does not answer" in pelion(gateway)["trouble"], 20, "the missing translator to be noticed")
    text = gateway.command("status")[1]
    check("pelion: delivered means at its broker" in text and "docs/pelion.md" in text, f"status says:\n{text}")
    check(not broker.messages(), "values were published though nobody takes them")

    translator = Translator(stage, broker).start()
    wait_for(lambda: pelion(gateway)["translator"]["registered"] == 4, 20, "the nodes to be registered")

    # Crashed and started anew: it knows no node, and says nothing of that.
    translator.kill()
    translator.start()
    wait_for(lambda: pelion(gateway)["translator"]["starts"] == 2, 20, "the restart to be noticed")
    wait_for(lambda: all(translator.sequence(name) > 0 for name in names), 20, "every node's value after the restart")

    totals = nodes.finish(40)
    check(totals["acked"] > 20, f"too few readings for a test: {totals}")
    verifier = Verifier(nodes.events())
    check(verifier.wait_until_delivered([broker], 30), f"lost before the broker: {verifier.missing(broker)}")
    wait_for(lambda: has_newest(translator, verifier, names), 20, "the newest values at Edge")
    record = translator.record()
    # What reached it before anybody could know of its restart it drops, and was said again.
    check(record["failed"] == 0, f"the translator refused nodes: {record}")
    check(all(device["values"].get("/3303/0/5700") for device in record["devices"].values()), f"no temperature: {record}")
    wait_for(lambda: pelion(gateway)["waiting_readings"] == 0, 20, "every reading to be acknowledged by the broker")

    # The broker is restarted: the translator never connects again.
    broker.stop()
    broker.start()
    wait_for(lambda: translator.says("deaf"), 20, "the translator to be deaf")
    wait_for(lambda: pelion(gateway)["connected"] and "does not answer" in pelion(gateway)["trouble"], 40,
             "the deaf translator to be noticed")
    health = gateway.status()["health"]
    check("pelion" in health or "aws" in health, f"health says {health}")
    translator.stop()
    translator.start()
    wait_for(lambda: has_newest(translator, verifier, names), 40, "the newest values at Edge after the broker's restart")
    translator.check_alive()
    gateway.stop()


def a_node_that_is_refused_and_those_beyond_the_limit(stage):
    devices = [(name, KEY.encode().hex()) for name, _ in make_devices(4)]
    _, broker, gateway, _ = house(stage, devices, {"pelion.max_nodes": "3", "pelion.form": '"Val"'})
    translator = Translator(stage, broker, refuse="wm-0001=1").start()
    gateway.start()
    wait_for(lambda: pelion(gateway)["translator"]["ready"], 20, "the translator to be ready")
    for sequence in (1, 2):
        for identity, _ in devices:
            answer = send(gateway, identity, sequence)
            check(not re.search(r"^[45]\.\d\d", answer, re.M), f"{identity} was answered {answer}")

    def shown():
        status = pelion(gateway)
        return (status["translator"]["turned_away"] == 1 and status["translator"]["failed"] == 1
                and status["dead_letters"] == 2)
    wait_for(shown, 10, "the refused node, and the dead letters of the one beyond the limit, to be shown")
    wait_for(lambda: translator.sequence("wm-0002") == 2 and translator.sequence("wm-0003") == 2, 10,
             "the others to go on")
    code, text = gateway.command("status")
    check("1 were refused" in text and "1 are beyond max_nodes" in text, f"status says:\n{text}")
    # Tried again by itself, ten seconds later, and then everything it had sent.
    wait_for(lambda: translator.sequence("wm-0001") == 2, 30, "the refused node to be registered after all")
    check(pelion(gateway)["translator"]["held"] == 0, "readings are still held")
    rows = [message for _, topic, message in broker.messages() if topic.endswith("/Val")]
    check(rows and all(len(row) == 10 for message in rows for row in message["payload_field"]), "a row has ten members")
    check(value_at(rows[0], PelionBroker.SEQUENCE), "the number is in the rows")
    translator.check_alive()
    gateway.stop()


def send(gateway, identity, sequence):
    pack = json.dumps([{"bn": f"{identity}:", "n": "seq", "v": sequence},
                       {"n": "t", "u": "Cel", "v": 20 + sequence}])
    return CoapClient("openssl", gateway.address, identity, KEY).ask("post", "telemetry", pack.encode(), 110)


if __name__ == "__main__":
    sys.exit(play(values_reach_edge_whatever_becomes_of_the_translator,
                  a_node_that_is_refused_and_those_beyond_the_limit))
