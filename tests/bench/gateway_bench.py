# SPDX-License-Identifier: Apache-2.0
"""What a handshake and a durable request cost the gateway: scripts/bench runs this once all is built.

The gateway and the load generator each have a processor core of their own. Figures are of the gateway's whole
process; by thread they show what its parts cost. See docs/measurements.md.
"""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from harness import (AWS_LIMITS, BUILD, Broker, Failure, Gateway, Pki, Stage, check,  # noqa: E402
                     make_devices, must, run)
from machine import machine, print_rows  # noqa: E402

LOADGEN_BINARY = BUILD / "tests" / "bench" / "narrowgate-loadgen"
STORE_BINARY = BUILD / "tests" / "bench" / "store_format_bench"
GATEWAY_CORE, LOAD_CORE = 0, 1


def measure(stage, name, gateway_for, sessions, seconds, active=0):
    """One run of the load generator against a gateway of its own; its JSON."""
    gateway = gateway_for(name, ["taskset", "-c", GATEWAY_CORE] if os.cpu_count() > 1 else [])
    devices = gateway.import_devices(make_devices(sessions))
    gateway.start()
    pin = ["taskset", "-c", LOAD_CORE] if os.cpu_count() > 1 else []
    status, output = run([*pin, LOADGEN_BINARY, "--gateway", gateway.address, "--pid", gateway.process.pid,
                          "--identities-file", devices, "--seconds", seconds, "--active", active],
                         timeout=seconds + 180)
    check(status == 0, f"the load generator failed ({status}):\n{output}")
    gateway.stop()
    return {"name": name, **json.loads(output.splitlines()[-1])}


def request(stage, pki, options):
    """Durable requests with the brokers away: DTLS, CoAP, commit, fsync; nothing is forwarded."""
    def gateway_for(name, prefix):
        return Gateway(stage, pki, {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}, OPEN_LIMITS,
                       name=name, prefix=prefix)
    return [measure(stage, f"request-{sessions}", gateway_for, sessions, options.seconds)
            for sessions in options.sessions]


def forward(stage, pki, options):
    """The same while both brokers take what is committed; they run where the scheduler puts them."""
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()

    def gateway_for(name, prefix):
        return Gateway(stage, pki, {broker.name: broker.url for broker in brokers}, OPEN_LIMITS, name=name,
                       prefix=prefix)
    return [measure(stage, f"forward-{options.sessions[0]}", gateway_for, options.sessions[0], options.seconds)]


def sleeping(stage, pki, options):
    """100 nodes speak among many that sleep: a request must not cost more for their sake."""
    def gateway_for(name, prefix):
        return Gateway(stage, pki, {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}, OPEN_LIMITS,
                       name=name, prefix=prefix)
    sessions = 10 * max(options.sessions)
    return [measure(stage, f"100-active-of-{sessions}", gateway_for, sessions, options.seconds, active=100)]


def store():
    """What a reading costs the store's writer, in three forms; on the disk of the temporary directory."""
    return json.loads(must([STORE_BINARY, "--json"], timeout=600))


BENCHES = {"request": request, "forward": forward, "sleeping": sleeping}
# A closed loop is no fleet of meters: what bounds a node or the store's size is moved out of the way.
OPEN_LIMITS = {"store.max_size": '"8GiB"', "dtls.handshake_timeout": '{ min = "2s", max = "16s" }'}


def print_store(figures):
    """The budget stands beside its figure: whether it is kept depends on the machine, and on who else uses it."""
    def budget(r):
        due = r["format"] == "the store" and r["readings_a_commit"] == figures["budget_readings_a_commit"]
        return f"{figures['budget_us']:.1f}" if due else ""
    print_rows(("store", "db page", "readings a commit", "µs CPU a reading", "budget", "of it, commit", "µs a commit"),
               [(r["format"], r["db_page_bytes"], r["readings_a_commit"], f"{r['writer_cpu_us']:.2f}", budget(r),
                 f"{r['commit_cpu_us']:.2f}", f"{r['commit_wall_us']:.0f}") for r in figures["results"]])


def print_gateway(results):
    heads = ("", "sessions", "µs a handshake", "µs a request", "requests/s", "p50 ms", "p99 ms", "bytes a session")
    rows = [(r["name"], r["sessions"], f"{r['cpu_us_per_handshake']:.0f}", f"{r['cpu_us_per_request']:.1f}",
             f"{r['requests_per_second']:.0f}", f"{r['latency_p50_ms']:.2f}", f"{r['latency_p99_ms']:.2f}",
             f"{r['resident_bytes_per_session']:.0f}") for r in results]
    print_rows(heads, rows)
    print("\nCPU µs a request, by thread:")
    for r in results:
        shares = sorted(r["cpu_us_per_request_by_thread"].items(), key=lambda item: -item[1])
        print(f"  {r['name']}: " + ", ".join(f"{name} {value:.1f}" for name, value in shares if value >= 0.05))
    unclean = [r["name"] for r in results if r["other_codes"] or r["retransmissions"]]
    if unclean:
        print(f"\nwith errors or retransmissions, so of little worth: {', '.join(unclean)}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="CPU, latency and memory of the gateway, "
                                     "measured from outside; the gateway and the load each pinned to a core.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*BENCHES, 'store'])}; default: request")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default 5)")
    parser.add_argument("--sessions", type=int, nargs="+", default=[100, 1000], help="default: 100 1000")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in [*BENCHES, "store"]]
    if unknown:
        parser.error(f"no bench is called {unknown[0]}: choose from {', '.join([*BENCHES, 'store'])}")
    names = options.names or ["request"]
    of_gateway = [name for name in names if name != "store"]
    results = []
    figures = None
    try:
        if "store" in names:
            figures = store()
        if of_gateway:
            with Stage("bench", keep=bool(os.environ.get("NARROWGATE_KEEP"))) as stage:
                pki = Pki(stage.folder / "pki")
                for name in of_gateway:
                    results += BENCHES[name](stage, pki, options)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    host = machine()
    if options.json:
        print(json.dumps({"machine": host} | ({"results": results} if of_gateway else {})
                         | ({"store": figures} if figures else {}), indent=2))
        return 0
    print(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, commit {host['commit']}\n")
    if figures:
        print_store(figures)
    if of_gateway:
        print("\n" if figures else "", end="")
        print_gateway(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
