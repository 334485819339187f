# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end, on this machine: scripts/demo runs this once all is built."""

import argparse
import json
import sys
import time

from clouds import PelionBroker, Translator
from harness import (AWS_LIMITS, Broker, Failure, Gateway, Pki, Stage, Verifier, make_devices, wait_for)
from linux_nodes import LinuxNodes
from nat import Nat

# An NB-IoT cell in fair coverage; the design's own round trips are seconds, a demo's patience is not.
LINK = {"delay": 0.15, "jitter": 0.2, "loss": 0.02, "duplicate": 0.01}
DRAIN_SECONDS = 90      # for the last acknowledgements, and again for the brokers
PLAIN_LINE_EVERY = 3.0  # seconds, where the output is no terminal


class Table:
    """The live table: redrawn in place on a terminal, else a line every few seconds."""

    def __init__(self, quiet):
        self.live = sys.stdout.isatty() and not quiet
        self.quiet = quiet
        self.drawn = 0
        self.last_line = 0.0
        self.began = time.monotonic()

    def say(self, text):
        if self.quiet:
            return
        self._leave()
        print(f"{time.monotonic() - self.began:5.1f} s  {text}", flush=True)

    def _leave(self):
        self.drawn = 0

    def show(self, phase, totals, delivered):
        if self.quiet or totals is None:
            return
        rows = [
            ("gateway", phase),
            ("nodes", f"{totals['nodes']}, {totals['established']} in a session, {totals['asleep']} asleep"),
            ("handshakes", f"{totals['handshakes']} ({totals['handshakes_started']} begun)"),
            ("readings", f"{totals['measured']} measured, {totals['acked']} acknowledged, "
                         f"{totals['retransmissions']} retransmissions"),
            *((f"at {name}", f"{count} delivered") for name, count in delivered.items()),
        ]
        if self.live:
            if self.drawn:
                print(f"\x1b[{self.drawn}A", end="")
            for name, value in rows:
                print(f"\x1b[2K  {name:<12}{value}")
            self.drawn = len(rows)
            sys.stdout.flush()
        elif time.monotonic() - self.last_line >= PLAIN_LINE_EVERY:
            self.last_line = time.monotonic()
            self.say(f"gateway {phase}: {totals['established']}/{totals['nodes']} nodes, "
                     f"{totals['handshakes']} handshakes, {totals['measured']} measured, "
                     f"{totals['acked']} acknowledged, "
                     + ", ".join(f"{count} at {name}" for name, count in delivered.items()))


def distinct(broker):
    return len({envelope["id"] for _, _, envelope in broker.readings()})


def watch(table, seconds, phase, nodes, brokers):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        table.show(phase, nodes.totals(), {broker.name: distinct(broker) for broker in brokers})
        time.sleep(0.25)


def play(options, table):
    with Stage("demo", options.keep) as stage:
        if options.keep:
            table.say(f"files are kept in {stage.folder}")
        table.say("a throw-away PKI by openssl; two mosquitto brokers with mutual TLS on loopback")
        pki = Pki(stage.folder / "pki")
        brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
                   PelionBroker(stage, pki)]
        for broker in brokers:
            broker.start()
        translator = Translator(stage, brokers[1]).start()
        table.say("aws is published to in batches, as AWS IoT Core meters them; behind the broker pelion stands a "
                  "translator as Pelion Edge has it")

        gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers},
                          {"pelion.answer_timeout": '"2s"'}, own_forms=True)
        devices = gateway.import_devices(make_devices(options.nodes))
        gateway.start()
        table.say(f"gateway on {gateway.address}, {options.nodes} devices imported; the nodes switch on")

        # Nodes start within one interval of each other: handshakes and readings mix from the beginning. What a
        # message carries is one reading: at Pelion, a resource has one value at a time.
        nat = Nat(stage, gateway.address, options.seed, **LINK)
        nodes = LinuxNodes(stage, gateway=nat.address, devices=devices, resource="telemetry", interval=2, spread=2,
                           ack_timeout=2, readings_a_message=1, report_interval=0.25, drain=DRAIN_SECONDS)
        half = options.seconds / 2
        watch(table, half, "runs", nodes, brokers)
        # The proof is about nodes that have a session: slow starters are waited for.
        wait_for(lambda: nodes.totals()["established"] == options.nodes, 90, "every node to have its session")
        before = nodes.totals()
        gateway.kill()
        table.say(f"gateway killed with SIGKILL at {before['handshakes']} handshakes; started again")
        watch(table, 1.0, "KILLED", nodes, brokers)
        gateway.start()
        watch(table, half, "runs again", nodes, brokers)

        table.say("the nodes make no more readings; waiting for what is on its way")
        totals = nodes.finish(DRAIN_SECONDS + 30)
        verifier = Verifier(nodes.events())
        verifier.wait_until_delivered(brokers, DRAIN_SECONDS)
        table.show("runs again", totals, {broker.name: distinct(broker) for broker in brokers})
        state = {upstream["name"]: upstream for upstream in gateway.status()["upstreams"]}
        gateway.stop()
        translator.check_alive()
        return summary(options, totals, before, verifier, brokers, state, translator.record(), nat.finish())


def summary(options, totals, before, verifier, brokers, state, edge, link):
    upstreams = {broker.name: verifier.verdict(broker) for broker in brokers}
    traffic = totals["reading_traffic"]
    acked = max(totals["acked"], 1)
    handshake = totals["handshake_traffic"]
    # Counted from what the brokers received; the nodes' own word is taken only for what they were told.
    passed = (len(verifier.acked) > 0 and totals["handshakes"] == options.nodes
              and all(v["lost"] == 0 and not v["ids_reused"] for v in upstreams.values()))
    return {
        "passed": passed,
        "nodes": options.nodes,
        "handshakes": totals["handshakes"],
        "handshakes_before_kill": before["handshakes"],
        "handshakes_after_kill": totals["handshakes"] - before["handshakes"],
        "readings": {"measured": len(verifier.sent), "acknowledged": len(verifier.acked),
                     "unacknowledged": totals["waiting"], "retransmissions": totals["retransmissions"]},
        "upstreams": upstreams,
        # Since the gateway's second start.
        "forms": {"aws_readings_a_message": round(state["aws"]["message_readings"] / max(state["aws"]["messages"], 1), 1),
                  "edge_devices": sum(device["registered"] for device in edge["devices"].values()),
                  "edge_failed_registrations": edge["failed"]},
        "woken_in_their_session": totals["resumed"],
        "link": {count: link["link_up"][count] + link["link_down"][count] for count in ("lost", "duplicated")},
        "bytes_on_air": {
            "reading_up": round(traffic["bytes_on_air_up"] / acked, 1),
            "reading_down": round(traffic["bytes_on_air_down"] / acked, 1),
            "of_which_ip_udp_headers": round(28 * (traffic["datagrams_up"] + traffic["datagrams_down"]) / acked, 1),
            "handshake_up": round(handshake["bytes_on_air_up"] / max(totals["handshakes"], 1), 1),
            "handshake_down": round(handshake["bytes_on_air_down"] / max(totals["handshakes"], 1), 1),
        },
    }


def print_summary(result):
    readings, air = result["readings"], result["bytes_on_air"]
    print()
    print(f"  readings measured        {readings['measured']}")
    print(f"  readings acknowledged    {readings['acknowledged']}")
    for name, verdict in result["upstreams"].items():
        print(f"  delivered to {name:<12}{verdict['delivered']} (lost {verdict['lost']}, duplicated "
              f"{verdict['redelivered']} under the same id, stored twice {verdict['stored_twice']})")
    forms = result["forms"]
    print(f"  in their own forms       {forms['aws_readings_a_message']} readings a message to aws; at Edge "
          f"{forms['edge_devices']} devices, {forms['edge_failed_registrations']} registrations failed")
    print(f"  handshakes               {result['handshakes']} for {result['nodes']} nodes, "
          f"{result['handshakes_after_kill']} after the kill; {result['woken_in_their_session']} times a node woke in its "
          "session")
    print(f"  bytes on air a reading   {air['reading_up']} up, {air['reading_down']} down "
          f"({air['of_which_ip_udp_headers']} of them IP and UDP headers, retransmissions included)")
    print(f"  bytes on air a handshake {air['handshake_up']} up, {air['handshake_down']} down")
    print(f"  datagrams                {result['link']['lost']} lost on the way, {result['link']['duplicated']} repeated")
    print()
    print("  Every acknowledged reading is at both brokers; no node had to shake hands again." if result["passed"]
          else "  FAILED: an acknowledged reading is missing, or handshakes are not one a node.")


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description="The whole path on this machine: nodes on "
                                     "the firmware's own core behind a lossy NAT, the gateway, two MQTT brokers; the gateway is "
                                     "killed half-way.")
    parser.add_argument("--nodes", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--seconds", type=float, default=30, help="how long they make readings (default 30)")
    parser.add_argument("--json", action="store_true", help="print only the summary, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder with configuration and logs")
    parser.add_argument("--seed", type=int, default=1, help="of the link's misfortunes (default 1)")
    options = parser.parse_args()
    if not 1 <= options.nodes <= 5000 or not 4 <= options.seconds <= 86400:
        parser.error("--nodes is 1 to 5000, --seconds is 4 to 86400")
    try:
        result = play(options, Table(options.json))
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; all processes are ended", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print_summary(result)
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
