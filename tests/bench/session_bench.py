# SPDX-License-Identifier: Apache-2.0
"""Sleeping sessions at full size: `scripts/bench sessions` runs this once all is built.

For each size a state directory is filled with sessions, and the gateway's own binary is started on it: what a
session takes of memory and disk, how soon the first node has its answer, and what a request costs among so many
that sleep, beside what it costs among a thousand. See docs/measurements.md.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from harness import (BUILD, Failure, Gateway, Pki, Stage, check, end, must, run, tail, wait_for)  # noqa: E402
from machine import machine, print_rows  # noqa: E402

SEEDER_BINARY = BUILD / "tests" / "bench" / "narrowgate-session-seeder"
WAKER_BINARY = BUILD / "tests" / "bench" / "narrowgate-session-waker"

FEW = 1_000  # sessions that a request is compared among
WINDOW = 256
GATEWAY_CORE, LOAD_CORE = 0, 1
LOADED = re.compile(r"(\d+) sessions go on")

# What is asked of the most sessions measured, checked by the exit status. A few thousand sessions cannot be held to
# memory: there, what every process needs is not yet shared by many.
MAX_RESIDENT_BYTES = 300
RESIDENT_FROM = 100_000
MAX_FIRST_ANSWER_S = 1.0
MAX_CPU_RATIO = 1.3
MAX_STATUS_MS = 50
STATUS_RUNS = 21


@dataclasses.dataclass
class Options:
    requests: int = 600_000  # that wake sessions of each size
    shards: int = 1
    rounds: int = 10  # in which two gateways take turns: the speed of a virtual machine moves


class Meter:
    """What a process costs, as the kernel accounts for it."""

    def __init__(self, pid):
        self.folder = pathlib.Path(f"/proc/{pid}")
        self.clock = ~pid << 3 | 2  # clock_getcpuclockid(3): all threads, user and system

    def cpu_s(self):
        return time.clock_gettime(self.clock)

    def cpu_s_by_thread(self):
        spent = {}
        for task in (self.folder / "task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                name = (task / "comm").read_text().strip()
                spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0]) / 1e9
        return spent

    def resident_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", (self.folder / "status").read_text())[1]) * 1024

    def wait_until_idle(self, seconds=60):
        """Until it takes less than 1 % of a core for a second."""
        def idle():
            before = self.cpu_s()
            time.sleep(1)
            return self.cpu_s() - before < 0.01
        wait_for(idle, seconds, "the gateway to become idle")


class Bench:
    def __init__(self, stage, options):
        self.stage, self.options = stage, options
        self.pki = Pki(stage.folder / "pki")
        self.pins = [["taskset", "-c", str(core)] if os.cpu_count() > 1 else []
                     for core in (GATEWAY_CORE, LOAD_CORE)]

    def gateway(self, name):
        """One whose upstreams are away, and whose bounds on readings do not bound a closed loop."""
        overrides = {"store.max_size": '"16GiB"'}
        if self.options.shards > 1:
            overrides["dtls.shards"] = self.options.shards
        # More shards than one need more cores than one.
        prefix = self.pins[0] if self.options.shards == 1 else []
        return Gateway(self.stage, self.pki, {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"},
                       overrides, name=name, prefix=prefix)

    def seed(self, gateway, sessions):
        return json.loads(must([SEEDER_BINARY, "--state", gateway.folder / "state", "--sessions", sessions],
                               timeout=900))

    def waker(self, gateway, sessions, **options):
        command = [*self.pins[1], WAKER_BINARY, "--gateway", gateway.address, "--sessions", sessions]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), value]
        return [str(part) for part in command]

    def empty(self):
        """Resident bytes of a gateway that has no sessions."""
        gateway = self.gateway("empty")
        gateway.start()
        meter = Meter(gateway.process.pid)
        meter.wait_until_idle()
        resident = meter.resident_bytes()
        gateway.stop()
        return resident

    def start(self, gateway, sessions, numbers_from):
        """Starts it while a node asks for an answer: seconds until that, until it is ready and until all is loaded."""
        log_before = len(gateway.log_text())
        asking = subprocess.Popen(self.waker(gateway, sessions, repeat_after=0.05, numbers_from=numbers_from,
                                             limit=120, seed=numbers_from),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.stage.processes.append(asking)
        time.sleep(0.2)  # so that it asks before there is anybody to answer
        began = time.monotonic()
        gateway.start(seconds=120)
        ready = time.monotonic() - began

        def loaded():
            check(gateway.process.poll() is None, f"the gateway died:\n{tail(gateway.log)}")
            return LOADED.search(gateway.log_text()[log_before:])
        found = wait_for(loaded, 300, f"all sessions to be loaded; the end of the log:\n{tail(gateway.log)}",
                         every=0.01)
        all_loaded = time.monotonic() - began
        check(int(found[1]) == sessions, f"of {sessions} sessions {found[1]} were loaded")
        output, _ = asking.communicate(timeout=150)
        check(asking.returncode == 0, f"the first node had no answer:\n{output}\n{tail(gateway.log)}")
        answer = json.loads(output.splitlines()[-1])
        return {"first_answer_s": answer["first_answer_at_s"] - began, "ready_s": ready, "loaded_s": all_loaded,
                "highest_number": answer["highest_number"]}

    def measure(self, sessions, empty_bytes):
        """All that is measured about one size; `FEW` sessions wake beside it, in turns."""
        many, few = self.gateway(f"of-{sessions}"), self.gateway(f"few-beside-{sessions}")
        figures = {"sessions": sessions, "seeded": self.seed(many, sessions)}
        self.seed(few, FEW)

        # From a disk that has to be read, and stopped as soon as all is loaded.
        forget_cached_pages(many.folder / "state")
        figures["cold_start"] = self.start(many, sessions, 2)
        began = time.monotonic()
        many.stop()
        figures["stop_s"] = time.monotonic() - began

        figures["warm_start"] = self.start(many, sessions, 10_000)
        first_of_few = self.start(few, FEW, 2)
        meters = {gateway: Meter(gateway.process.pid) for gateway in (many, few)}
        meters[many].wait_until_idle()
        resident = meters[many].resident_bytes()
        figures["asleep"] = {"resident_bytes": resident,
                             "resident_bytes_per_session": (resident - empty_bytes) / sessions}
        figures["status_ms"] = status_ms(many)
        figures |= self.wake({many: sessions, few: FEW}, meters,
                             {many: figures["warm_start"]["highest_number"] + 1,
                              few: first_of_few["highest_number"] + 1})
        figures["after"] = {"resident_bytes": meters[many].resident_bytes()}
        for gateway in (many, few):
            status = gateway.status()
            figures["handshakes"] = figures.get("handshakes", 0) + status["uplink"]["handshakes"] \
                + status["uplink"]["handshakes_failed"] + status["handshakes_in_progress"]
        figures["fates"] = {fate: count for fate, count in many.status()["uplink"]["fates"].items() if count}
        for gateway in (many, few):
            gateway.stop()
        return figures

    def wake(self, sizes, meters, numbers):
        """Both gateways answer as many requests, in turns; what they spend in between, on folds, is theirs too."""
        many, few = sizes
        before = {gateway: (meter.cpu_s(), meter.cpu_s_by_thread()) for gateway, meter in meters.items()}
        totals = {gateway: {"changed": 0, "other": 0, "unopened": 0, "late": 0, "repeats": 0, "elapsed_s": 0}
                  for gateway in sizes}
        asked = self.options.requests // self.options.rounds
        for turn in range(self.options.rounds):
            for gateway, sessions in sizes.items():
                status, output = run(self.waker(gateway, sessions, requests=asked, window=WINDOW, limit=300,
                                                seed=turn, numbers_from=numbers[gateway]), timeout=330)
                check(status == 0, f"not all requests were answered:\n{output}\n{tail(gateway.log)}")
                result = json.loads(output.splitlines()[-1])
                numbers[gateway] = result["highest_number"] + 1
                for key in totals[gateway]:
                    totals[gateway][key] += result[key]
        for meter in meters.values():
            meter.wait_until_idle()

        def cost(gateway):
            count = totals[gateway]["changed"]
            cpu, threads = before[gateway]
            now = meters[gateway].cpu_s_by_thread()
            return totals[gateway] | {
                "requests_per_second": count / totals[gateway]["elapsed_s"],
                "cpu_us_per_request": (meters[gateway].cpu_s() - cpu) * 1e6 / count,
                "cpu_us_per_request_by_thread": {name: (spent - threads.get(name, 0)) * 1e6 / count
                                                 for name, spent in now.items()}}
        awake = {"many": cost(many), "few": cost(few)}
        return {"awake": awake,
                "cpu_ratio": awake["many"]["cpu_us_per_request"] / awake["few"]["cpu_us_per_request"]}


def status_ms(gateway):
    """How long `narrowgate status` takes, as a person types it: the median and the worst."""
    gateway.command("status")
    took = []
    for _ in range(STATUS_RUNS):
        began = time.monotonic()
        gateway.command("status")
        took.append((time.monotonic() - began) * 1e3)
    took.sort()
    return {"median": took[STATUS_RUNS // 2], "worst": took[-1]}


def forget_cached_pages(folder):
    """So that the next reader of these files has to wait for the disk."""
    os.sync()
    for file in folder.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def verdicts(figures):
    """(what, figure, limit, kept) of each target, for one size."""
    starts = [figures[start]["first_answer_s"] for start in ("cold_start", "warm_start")]
    found = [("first answer after start, s", max(starts), MAX_FIRST_ANSWER_S),
             (f"CPU of a request, times that among {FEW}", figures["cpu_ratio"], MAX_CPU_RATIO),
             ("narrowgate status, ms", figures["status_ms"]["median"], MAX_STATUS_MS),
             ("handshakes", figures["handshakes"], 0)]
    if figures["sessions"] >= RESIDENT_FROM:
        found.insert(0, ("RSS of a sleeping session, bytes", figures["asleep"]["resident_bytes_per_session"],
                         MAX_RESIDENT_BYTES))
    return [(what, value, limit, value <= limit) for what, value, limit in found]


def print_results(results):
    def row(what, value):
        return [what, *(value(r) for r in results)]

    def times(name, start):
        return lambda r: f"{r[start][name]:.2f}"

    def awake(which, key):
        return lambda r: f"{r['awake'][which][key]:.1f}"
    print_rows(["sessions", *(f"{r['sessions']:,}".replace(",", " ") for r in results)], [
        row("database, bytes a session", lambda r: f"{r['seeded']['database_bytes_per_session']:.0f}"),
        row("… and a device with its credential", lambda r: f"{r['seeded']['database_bytes_per_device']:.0f}"),
        row("RSS asleep, bytes a session", lambda r: f"{r['asleep']['resident_bytes_per_session']:.0f}"),
        row("RSS asleep, MiB", lambda r: f"{r['asleep']['resident_bytes'] / 2**20:.1f}"),
        row("RSS after waking, MiB", lambda r: f"{r['after']['resident_bytes'] / 2**20:.1f}"),
        row("cold start: first answer, s", times("first_answer_s", "cold_start")),
        row("… all loaded, s", times("loaded_s", "cold_start")),
        row("warm start: first answer, s", times("first_answer_s", "warm_start")),
        row("… all loaded, s", times("loaded_s", "warm_start")),
        row("clean stop after loading, s", lambda r: f"{r['stop_s']:.2f}"),
        row("CPU µs a request", awake("many", "cpu_us_per_request")),
        row(f"… among {FEW} in the same minute", awake("few", "cpu_us_per_request")),
        row("… ratio", lambda r: f"{r['cpu_ratio']:.2f}"),
        row("requests/s", lambda r: f"{r['awake']['many']['requests_per_second']:.0f}"),
        row("narrowgate status, median ms", lambda r: f"{r['status_ms']['median']:.1f}"),
        row("… the worst of " + str(STATUS_RUNS), lambda r: f"{r['status_ms']['worst']:.1f}"),
        row("requests sent again", lambda r: r["awake"]["many"]["repeats"]),
        row("handshakes", lambda r: r["handshakes"]),
    ])
    print("\nCPU µs a request, by thread:")
    for r in results:
        for which, sessions in (("many", r["sessions"]), ("few", FEW)):
            shares = sorted(r["awake"][which]["cpu_us_per_request_by_thread"].items(), key=lambda item: -item[1])
            print(f"  among {sessions}: "
                  + ", ".join(f"{name} {value:.1f}" for name, value in shares if value >= 0.05))
    print()
    for r in results:
        for what, value, limit, kept in verdicts(r):
            print(f"{'kept  ' if kept else 'MISSED'}  {r['sessions']} sessions: {what}: {round(value, 2)} (at most {limit})")


def sizes_of(text):
    sizes = sorted(int(size) for size in text.split(","))
    if sizes[0] < 2 * WINDOW or sizes[-1] > 10_000_000:
        raise argparse.ArgumentTypeError(f"from {2 * WINDOW} to 10000000 sessions")
    return sizes


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench sessions", description="Sleeping sessions: memory, disk, "
                                     "start, stop, and CPU of a request among them. The exit status is 1 when a "
                                     "target is missed.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--sizes", type=sizes_of, default=[10_000, 100_000, 1_000_000],
                        help="how many sessions (default 10000,100000,1000000)")
    parser.add_argument("--requests", type=int, default=Options.requests,
                        help=f"that wake sessions of each size (default {Options.requests})")
    parser.add_argument("--shards", type=int, default=1, help="ingress threads (default 1)")
    parser.add_argument("--state", help="where to put the state directories (default: the temporary directory)")
    options = parser.parse_args()
    if options.state:
        os.environ["TMPDIR"] = options.state
    results = []
    try:
        with Stage("bench-sessions", keep=bool(os.environ.get("NARROWGATE_KEEP"))) as stage:
            bench = Bench(stage, Options(options.requests, options.shards))
            empty_bytes = bench.empty()
            for sessions in options.sizes:
                print(f"{sessions} sessions …", file=sys.stderr, flush=True)
                results.append(bench.measure(sessions, empty_bytes))
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    kept = all(verdict[3] for r in results for verdict in verdicts(r))
    host = machine()
    if options.json:
        print(json.dumps({"machine": host, "shards": options.shards, "results": results, "targets_kept": kept},
                         indent=2))
        return 0 if kept else 1
    print(f"{host['processor']}, {host['cores']} cores, Linux {host['kernel']}, commit {host['commit']}, "
          f"{options.shards} shard{'s' if options.shards > 1 else ''}\n")
    print_results(results)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
