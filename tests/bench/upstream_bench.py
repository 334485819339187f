# SPDX-License-Identifier: Apache-2.0
"""What it costs to bring readings to AWS IoT Core: `scripts/bench upstream` runs this once all is built.

A backlog of 60-byte SenML readings drains over one connection to narrowgate-aws, which keeps AWS's limits: at 1 ms and
at 600 ms of round trip, in batches and a message a reading. Then the publish latency of a healthy upstream, beside
another that is well and beside one that is down, unresolvable, stalled or throttling. See docs/measurements.md.
"""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from aws import SEEDER_BINARY, Aws  # noqa: E402
from harness import (Failure, Gateway, Nodes, Pki, Stage, check, free_port, make_devices, must,  # noqa: E402
                     tail, wait_for)
from machine import machine, print_rows  # noqa: E402
from session_bench import Meter  # noqa: E402

# With these names a reading is of 60 bytes.
PREFIX = "water-meter-nb-"
# Without {device}, so that readings of all devices share batches.
TOPIC = '"dt/{fleet}/{resource}"'

# Of a far broker, checked by the exit status.
LEAST_READINGS_PER_SECOND = 5_000
MAX_UNITS_PER_THOUSAND = 20
MAX_CPU_US = 5.0

LATENCY_NODES, LATENCY_INTERVAL_S = 5, 0.1
NEIGHBOURS = ("well", "down", "unresolvable", "stalled", "throttling")


class Bench:
    def __init__(self, stage, options):
        self.stage, self.options = stage, options
        self.pki = Pki(stage.folder / "pki")

    def gateway(self, name, upstreams, overrides):
        return Gateway(self.stage, self.pki, upstreams, {"store.max_size": '"4GiB"', **overrides}, name=name,
                       fleet_overrides={"route.topic": TOPIC})

    def drain(self, name, readings, round_trip, batch):
        """A backlog over one connection; what the gateway's whole process spent on it, connecting included."""
        broker = Aws(self.stage, self.pki, name=name, round_trip=round_trip, sizes_only=True)
        broker.start()
        gateway = self.gateway(name, {"aws": broker.url, "pelion": "mqtts://localhost:1"},
                               {"aws.batch_size": f'"{batch}"'})
        seeded = json.loads(must([SEEDER_BINARY, "--state", gateway.folder / "state", "--readings", readings,
                                  "--upstream", "aws", "--prefix", PREFIX], timeout=300))
        gateway.start()
        meter = Meter(gateway.process.pid)
        before, threads = meter.cpu_s(), meter.cpu_s_by_thread()

        # Told by the broker, to which nothing comes for a second and two round trips: the gateway's own status would
        # cost it time.
        taken, since = 0, time.monotonic()

        def drained():
            nonlocal taken, since
            check(gateway.process.poll() is None, f"the gateway died:\n{tail(gateway.log)}")
            now = broker.counts()["taken"]
            if now != taken:
                taken, since = now, time.monotonic()
            return taken > 0 and time.monotonic() - since > 1 + 2 * round_trip
        wait_for(drained, 30 + readings / 20, "the backlog to drain", every=0.25)
        spent, now = meter.cpu_s() - before, meter.cpu_s_by_thread()
        status = next(one for one in gateway.status()["upstreams"] if one["name"] == "aws")
        gateway.stop()
        counts = broker.stop()
        publishes = broker.publishes()
        check(status["delivered"] == readings and status["waiting_readings"] == 0,
              f"of {readings} readings {status['delivered']} were delivered: {status}")
        elapsed = publishes[-1]["at"] - publishes[0]["at"]
        return {"name": name, "readings": readings, "bytes_per_reading": seeded["bytes_per_reading"],
                "round_trip_s": round_trip, "seconds": elapsed, "readings_per_second": readings / elapsed,
                "publishes_per_thousand": counts["taken"] * 1000 / readings,
                "units_per_thousand": counts["metered_units"] * 1000 / readings,
                "cpu_us": spent * 1e6 / readings,
                "cpu_us_by_thread": {name: (value - threads.get(name, 0)) * 1e6 / readings
                                     for name, value in now.items()},
                "discarded": counts["discarded"], "delayed": counts["delayed"],
                "largest_second": counts["largest_second"],
                "largest_second_kib": counts["largest_second_bytes"] / 1024,
                "largest_unacknowledged": counts["largest_unacknowledged"]}

    def latency(self, neighbour):
        """From the ACK that a node got to the publish at the healthy broker, a message a reading."""
        name = f"beside-{neighbour}"
        healthy = Aws(self.stage, self.pki, name=f"healthy-{name}")
        healthy.start()
        url = {"down": f"mqtts://localhost:{free_port()}", "unresolvable": "mqtts://edge.invalid:8883"}.get(neighbour)
        if url is None:
            other = Aws(self.stage, self.pki, name=name, authority="pelion")
            other.start()
            url = other.url
            if neighbour == "stalled":
                other.tell("stall 3600")
            elif neighbour == "throttling":
                other.tell("refuse 0x97 3600")
        gateway = self.gateway(name, {"aws": healthy.url, "pelion": url}, {"aws.batch_size": '"0B"'})
        devices = gateway.import_devices(make_devices(LATENCY_NODES))
        gateway.start()
        nodes = Nodes(self.stage, gateway.address, devices, name=f"{name}-nodes", interval=LATENCY_INTERVAL_S,
                      seconds=self.options.seconds, handshake_timeout_min=1, ack_timeout=2)
        nodes.wait(self.options.seconds + 60)
        acked = {(e["device"], e["seq"]): e["at_us"] / 1e6 for e in nodes.events() if e["event"] == "acked"}
        wait_for(lambda: len({(r["device"], r["seq"]) for r in healthy.readings()} & acked.keys()) == len(acked), 20,
                 "all readings at the healthy broker")
        first = {}
        for reading in healthy.readings():
            first.setdefault((reading["device"], reading["seq"]), reading["at"])
        delays = sorted(max(0.0, first[key] - at) for key, at in acked.items())
        gateway.stop()
        return {"beside": neighbour, "readings": len(delays), "p50_ms": delays[len(delays) // 2] * 1e3,
                "p99_ms": delays[len(delays) * 99 // 100] * 1e3, "worst_ms": delays[-1] * 1e3}


def verdicts(drains):
    """(what, figure, limit, kept) of each target."""
    far, near = drains["batches-600ms"], drains["batches-1ms"]
    found = [("readings/s at 600 ms", far["readings_per_second"], f"at least {LEAST_READINGS_PER_SECOND}",
              far["readings_per_second"] >= LEAST_READINGS_PER_SECOND)]
    for what, figure, limit in (("metered units a thousand readings", far["units_per_thousand"],
                                 MAX_UNITS_PER_THOUSAND),
                                ("CPU µs a reading drained, the worse of both round trips",
                                 max(far["cpu_us"], near["cpu_us"]), MAX_CPU_US),
                                ("publishes discarded", sum(one["discarded"] for one in drains.values()), 0)):
        found.append((what, figure, f"at most {limit}", figure <= limit))
    return found


def print_results(drains, latencies):
    def row(what, value):
        return [what, *(value(one) for one in drains.values())]
    print_rows(["draining", *drains], [
        row("readings", lambda d: d["readings"]),
        row("bytes of SenML a reading", lambda d: f"{d['bytes_per_reading']:.0f}"),
        row("readings/s", lambda d: f"{d['readings_per_second']:.0f}"),
        row("publishes a thousand readings", lambda d: f"{d['publishes_per_thousand']:.1f}"),
        row("5 KB units a thousand readings", lambda d: f"{d['units_per_thousand']:.1f}"),
        row("CPU µs a reading", lambda d: f"{d['cpu_us']:.1f}"),
        row("publishes discarded", lambda d: d["discarded"]),
        row("most publishes in a second", lambda d: f"{d['largest_second']:.0f}"),
        row("most KiB in a second", lambda d: f"{d['largest_second_kib']:.0f}"),
        row("most unacknowledged", lambda d: d["largest_unacknowledged"]),
    ])
    print("\nCPU µs a reading, by thread:")
    for name, one in drains.items():
        shares = sorted(one["cpu_us_by_thread"].items(), key=lambda item: -item[1])
        print(f"  {name}: " + ", ".join(f"{thread} {value:.1f}" for thread, value in shares if value >= 0.05))
    print()
    if latencies:
        well = latencies["well"]
        print_rows(["a healthy upstream beside one that is", *latencies], [
            ["readings", *(one["readings"] for one in latencies.values())],
            ["p50, ms", *(f"{one['p50_ms']:.1f}" for one in latencies.values())],
            ["… times that beside one that is well",
             *(f"{one['p50_ms'] / max(well['p50_ms'], 1e-3):.2f}" for one in latencies.values())],
            ["p99, ms", *(f"{one['p99_ms']:.1f}" for one in latencies.values())],
        ])
        print()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench upstream", description="Draining to a broker with AWS's "
                                     "limits, and upstreams beside bad ones. The exit status is 1 when a target is "
                                     "missed.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--readings", type=int, default=200_000, help="of a backlog (default %(default)s)")
    parser.add_argument("--single", type=int, default=1_500,
                        help="readings drained a message each (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="of each latency run; 0: none (default %(default)s)")
    options = parser.parse_args()
    cases = {"batches-1ms": (options.readings, 0.001, "5KiB"), "batches-600ms": (options.readings, 0.6, "5KiB"),
             "single-1ms": (options.single, 0.001, "0B"), "single-600ms": (options.single, 0.6, "0B")}
    drains, latencies = {}, {}
    try:
        with Stage("bench-upstream", keep=bool(os.environ.get("NARROWGATE_KEEP"))) as stage:
            bench = Bench(stage, options)
            for name, case in cases.items():
                print(f"{name} …", file=sys.stderr, flush=True)
                drains[name] = bench.drain(name, *case)
            for neighbour in NEIGHBOURS if options.seconds else ():
                print(f"beside {neighbour} …", file=sys.stderr, flush=True)
                latencies[neighbour] = bench.latency(neighbour)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    found = verdicts(drains)
    kept = all(one[3] for one in found)
    host = machine()
    if options.json:
        print(json.dumps({"machine": host, "draining": list(drains.values()), "latency": list(latencies.values()),
                          "targets_kept": kept}, indent=2))
        return 0 if kept else 1
    print(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, commit {host['commit']}\n")
    print_results(drains, latencies)
    for what, figure, limit, good in found:
        print(f"{'kept  ' if good else 'MISSED'}  {what}: {round(figure, 2)} ({limit})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
