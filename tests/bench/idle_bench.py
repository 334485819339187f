# SPDX-License-Identifier: Apache-2.0
"""What a gateway takes that has nothing to do: `scripts/bench idle` runs this once all is built.

Two upstreams are connected over mutual TLS, nodes have sent and are silent again; an operator looks in between. PSS
is what the process has alone and its share of what it has with others. See docs/measurements.md.
"""

import argparse
import json
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from harness import (AWS_LIMITS, Broker, Failure, Gateway, Nodes, Pki, Stage, make_devices,  # noqa: E402
                     wait_for)
from machine import machine, print_rows  # noqa: E402
from session_bench import Meter  # noqa: E402

MAX_PSS_MB = 15  # with two upstreams connected; checked by the exit status
NODES, SECONDS = 100, 10
REST_S = 75  # until the store has folded what came, and freed memory has gone back
IDLE_S = 10


def memory_mb(pid):
    """Of /proc/PID/smaps_rollup (proc(5)), in MB of a million bytes."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) * 1024 / 1e6
            for name in ("Pss", "Rss", "Private_Dirty")}


def figures_of(gateway):
    """Once it is idle: memory, and what doing nothing costs."""
    meter = Meter(gateway.process.pid)
    meter.wait_until_idle()
    time.sleep(REST_S)
    before = meter.cpu_s()
    time.sleep(IDLE_S)
    spent = meter.cpu_s() - before
    return memory_mb(gateway.process.pid) | {
        "cpu_percent": spent / IDLE_S * 100,
        "threads": len(list(pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir()))}


def measure(stage):
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers})
    devices = make_devices(NODES)
    devices_file = gateway.import_devices(devices)
    gateway.start()
    wait_for(lambda: all(upstream["connected"] for upstream in gateway.status()["upstreams"]), 30,
             "both upstreams to be connected")
    figures = {"connected": figures_of(gateway)}
    nodes = Nodes(stage, gateway.address, devices_file, interval=0.5, seconds=SECONDS)
    nodes.wait(SECONDS + 60)
    wait_for(lambda: gateway.status()["store"]["waiting_readings"] == 0, 60, "all readings to be delivered")
    figures["after_readings"] = figures_of(gateway)
    gateway.stop()
    return figures


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench idle", description="Memory and CPU of a gateway that has "
                                     "nothing to do, with two upstreams connected. The exit status is 1 when a "
                                     "target is missed.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    try:
        with Stage("bench-idle") as stage:
            figures = measure(stage)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    pss_mb = figures["connected"]["Pss"]
    kept = pss_mb <= MAX_PSS_MB
    host = machine()
    if options.json:
        print(json.dumps({"machine": host, "results": figures, "targets_kept": kept}, indent=2))
        return 0 if kept else 1
    print(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, commit {host['commit']}\n")
    states = list(figures.values())
    print_rows(["idle", "two upstreams connected", f"… {NODES} nodes have sent"], [
        ["PSS, MB", *(f"{one['Pss']:.1f}" for one in states)],
        ["RSS, MB", *(f"{one['Rss']:.1f}" for one in states)],
        ["of its own and written to, MB", *(f"{one['Private_Dirty']:.1f}" for one in states)],
        ["CPU, % of a core", *(f"{one['cpu_percent']:.2f}" for one in states)],
        ["threads", *(one["threads"] for one in states)],
    ])
    print(f"\n{'kept  ' if kept else 'MISSED'}  two upstreams connected: PSS {pss_mb:.1f} MB (at most {MAX_PSS_MB})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
