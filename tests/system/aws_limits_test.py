# SPDX-License-Identifier: Apache-2.0
"""A broker that treats the gateway as AWS IoT Core does (narrowgate-aws): its limits are kept while a backlog drains
and live readings pass, and whatever it does, nothing that was acknowledged to a node is lost (P1, P7)."""

import base64
import gzip
import json
import statistics
import sys
import time

from aws import SEEDER_BINARY, Aws, duplicates_of
from harness import Gateway, Nodes, Pki, check, make_devices, must, play, wait_for

BACKLOG = 200_000
OLD = "old-"            # devices of a backlog are named so
ROUND_TRIP_S = 0.3
LATEST_LIVE_S = 5.0     # behind its ACK, while a backlog drains
RECEIVE_MAXIMUM = 100
LARGEST_BATCH = 60 * 1024


def house(stage, backlog=0, overrides=None, neighbour=None, **options):
    """(gateway, AWS, its neighbour, devices): profile aws-iot against narrowgate-aws, a topic without {device}."""
    pki = Pki(stage.folder / "pki")
    aws = Aws(stage, pki, **options)
    aws.start()
    other = Aws(stage, pki, name="pelion", authority="pelion")
    other.start()
    if neighbour:
        other.tell(neighbour)
    gateway = Gateway(stage, pki, {"aws": aws.url, "pelion": other.url}, {"aws.batch_size": '"5KiB"', **(overrides or {})},
                      fleet_overrides={"route.topic": '"dt/{fleet}/{resource}"'})
    devices = gateway.import_devices(make_devices(10))
    if backlog:
        print(must([SEEDER_BINARY, "--state", gateway.folder / "state", "--readings", backlog, "--upstream", "aws",
                    "--prefix", OLD], timeout=120).strip())
    return gateway, aws, other, devices


def send(stage, gateway, devices, seconds, interval=1.0):
    return Nodes(stage, gateway.address, devices, interval=interval, seconds=seconds, ack_timeout=2,
                 handshake_timeout_min=1, handshake_timeout_max=8)


def acked_of(nodes, seconds=60):
    """{(device, seq): Unix time of its ACK} of every reading, once they have all been acknowledged."""
    totals = nodes.wait(seconds)
    check(totals["waiting"] == 0 and totals["acked"] > 0, f"readings were not acknowledged: {totals}")
    return {(e["device"], e["seq"]): e["at_us"] / 1e6 for e in nodes.events() if e["event"] == "acked"}


def status_of(gateway, name="aws"):
    return next(one for one in gateway.status()["upstreams"] if one["name"] == name)


def wait_until_delivered(gateway, broker, acked, backlog, seconds):
    """Returns every reading that the broker took, once all of them are there and the gateway knows."""
    def missing():
        there = {(r["device"], r["seq"]) for r in broker.readings()}
        return len(acked.keys() - there) + backlog - sum(device.startswith(OLD) for device, _ in there)
    wait_for(lambda: missing() == 0, seconds, f"all readings at {broker.name}, which lacks {missing()}", every=0.5)
    wait_for(lambda: status_of(gateway, broker.name)["waiting_readings"] == 0, 20, f"{broker.name} to be up to date")
    return broker.readings()


def check_limits(counts):
    print(json.dumps(counts))
    check(counts["discarded"] == 0, f"the gateway published above the rate: {counts}")
    check(counts["largest_unacknowledged"] <= RECEIVE_MAXIMUM, f"more unacknowledged than allowed: {counts}")
    check(counts["connects_too_fast"] == 0 and counts["early"] == 0, f"connecting: {counts}")
    check(not counts["disconnects"].keys() & {"0x81", "0x82", "0x8D", "0x90", "0x93", "0x94", "0x95", "0x9B"},
          f"the gateway broke a rule: {counts}")


def check_copies(broker):
    """Readings come twice only where their PUBACK was lost, and each always under one id."""
    twice, unexplained, renamed = duplicates_of(broker.readings(), broker.unanswered())
    check(not unexplained, f"{broker.name}: {len(unexplained)} readings came again that were acknowledged: "
                           f"{[(key, twice[key]) for key in unexplained[:5]]}")
    check(not renamed, f"{broker.name}: readings under two ids: {renamed[:5]}")
    return len(twice)


def lateness(readings, acked):
    """Seconds from each ACK to the publish that brought it, ascending."""
    first = {}
    for reading in readings:
        first.setdefault((reading["device"], reading["seq"]), reading["at"])
    return sorted(max(0.0, first[key] - at) for key, at in acked.items())


def a_backlog_drains_behind_what_is_live(stage):
    """200 000 readings within every limit, live ones before them, beside an upstream that throttles all the time."""
    gateway, aws, other, devices = house(stage, BACKLOG, round_trip=ROUND_TRIP_S, neighbour="refuse 0x97 3600")
    gateway.start()
    began = time.monotonic()
    nodes = send(stage, gateway, devices, 20)
    acked = acked_of(nodes)
    readings = wait_until_delivered(gateway, aws, acked, BACKLOG, 150)
    took = time.monotonic() - began
    last_old = max(r["at"] for r in readings if r["device"].startswith(OLD))
    beside = {key: at for key, at in acked.items() if at < last_old}
    late = lateness(readings, beside)
    check(len(late) > 20, "the backlog was gone before live readings came: the test tests nothing")
    print(f"{BACKLOG} readings in {took:.1f} s; {len(late)} live ones meanwhile, late by "
          f"{statistics.median(late):.2f} s at the median, {late[-1]:.2f} s at most")
    check(late[-1] <= LATEST_LIVE_S, f"a live reading came {late[-1]:.1f} s late")
    throttled = status_of(gateway, "pelion")
    check(throttled["dead_letters"] == 0 and throttled["waiting_readings"] == len(acked),
          f"of the upstream that throttles: {throttled}")
    check(check_copies(aws) == 0, "readings came twice, and no PUBACK was lost")
    gateway.stop()
    check_limits(aws.stop())
    other.stop()


def throttling_and_a_policy_give_nothing_up(stage):
    """0x97 slows, 0x87 pauses with an alarm; when they are over all is delivered and no dead letter was made."""
    gateway, aws, other, devices = house(stage, 20_000)
    gateway.start()
    nodes = send(stage, gateway, devices, 12)
    wait_for(lambda: aws.counts()["taken"] > 20, 20, "the backlog to begin")
    aws.tell("refuse 0x97 2")
    time.sleep(1)
    check(not status_of(gateway)["paused"], f"throttled, and so paused: {status_of(gateway)}")
    wait_for(lambda: aws.counts()["answers"].get("0x97", 0) > 0, 5, "the broker to throttle")
    time.sleep(2)
    aws.tell("deny dt/#")
    paused = wait_for(lambda: (s := status_of(gateway))["paused"] and s, 30, "a policy to pause the upstream")
    check("not authorized" in paused["trouble"] and "policy" in paused["trouble"], f"the alarm says: {paused}")
    check(paused["dead_letters"] == 0, f"dead letters while everything is refused: {paused}")
    check("paused" in gateway.command("status")[1], "narrowgate status does not show the pause")
    aws.tell("allow")
    acked = acked_of(nodes)
    wait_until_delivered(gateway, aws, acked, 20_000, 60)
    status = status_of(gateway)
    check(status["dead_letters"] == 0 and not status["paused"], f"afterwards: {status}")
    wait_until_delivered(gateway, other, acked, 0, 20)
    check(lateness(other.readings(), acked)[-1] <= LATEST_LIVE_S, "the other upstream was delayed")
    check_copies(aws)
    gateway.stop()
    check_limits(aws.stop())
    other.stop()


def connections_that_end(stage):
    """Lost PUBACKs, ends with and without a word, a taken-over session; the neighbour does not answer at all."""
    gateway, aws, other, devices = house(stage, 20_000, {"aws.largest_batch": '"5KiB"'}, neighbour="stall 3600",
                                         round_trip=0.1, least_keep_alive=1, most_keep_alive=2)
    gateway.start()
    nodes = send(stage, gateway, devices, 15, interval=0.5)
    for line in ("lose 5", "disconnect 0x8B", "cut", "disconnect 0x8E", "lose 1"):
        before = aws.counts()
        wait_for(lambda: aws.counts()["taken"] > before["taken"] + 5, 40, f"publishes before \"{line}\"")
        connections = aws.counts()["connections"]
        aws.tell(line)
        wait_for(lambda: aws.counts()["connections"] > connections, 40, f"another connection after \"{line}\"")
    acked = acked_of(nodes)
    wait_until_delivered(gateway, aws, acked, 20_000, 60)
    twice = check_copies(aws)
    print(f"{len(aws.unanswered())} publishes were taken and not answered; {twice} readings came twice")
    check(len(aws.unanswered()) >= 6 and twice >= 6, "no PUBACK was lost: the test tests nothing")
    # An idle connection outlives the keep-alive that the server asked for when it was made.
    before = aws.counts()
    wait_for(lambda: aws.counts()["pings"] >= before["pings"] + 3, 15, "PINGs as often as the server wants")
    check(aws.counts()["connections"] == before["connections"], "an idle connection did not last")
    gateway.stop()
    check_limits(aws.stop())
    other.stop()


def compressed_batches_hold_each_reading_once(stage):
    """compression = "gzip": marked in the content type, as large as messages may be, and nothing is lost in them."""
    gateway, aws, other, devices = house(stage, 10_000, {"aws.compression": '"gzip"'})
    gateway.start()
    nodes = send(stage, gateway, devices, 3, interval=0.3)
    acked = acked_of(nodes)
    readings = wait_until_delivered(gateway, aws, acked, 10_000, 60)
    check(len({r["id"] for r in readings}) == len(readings) == 10_000 + len(acked),
          f"{len(readings)} readings for {10_000 + len(acked)}")
    packed = [p for p in aws.publishes() if p["content_type"] == "application/json+gzip"]
    check(packed, "nothing was compressed: the test tests nothing")
    for publish in packed:
        metered = len(publish["topic"]) + len(publish["content_type"]) + publish["bytes"]
        check(metered <= LARGEST_BATCH, f"a batch of {metered} bytes")
        plain = len(gzip.decompress(base64.b64decode(publish["payload_base64"])))
        check(plain > publish["bytes"], f"gzip has made {publish['bytes']} bytes of {plain}")
    units = status_of(gateway)["metered_units"]
    print(f"{len(readings)} readings in {len(aws.publishes())} publishes, {len(packed)} of them compressed; {units} units")
    gateway.stop()
    check_limits(aws.stop())
    other.stop()


def misbehave_at_random(stage, choose, seconds):
    """For the soak: one trouble after the other while nodes send; then all is there and nothing is lost."""
    troubles = ["disconnect 0x8B", "disconnect 0x8E", "disconnect 0x97", "cut", "lose 1", "lose 10", "refuse 0x97 3",
                "refuse 0x80 1", "stall 4"]
    backlog = choose.choice([0, 5_000, 50_000])
    gateway, aws, other, devices = house(stage, backlog, round_trip=choose.choice([0, 0.1, 0.6]))
    gateway.start()
    nodes = send(stage, gateway, devices, seconds)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(min(choose.uniform(1, 20), max(0.1, ends - time.monotonic())))
        trouble = choose.choice(troubles)
        print(f"  {trouble}", flush=True)
        aws.tell(trouble)
    acked = acked_of(nodes, 120)
    # A stall or a pause may have to pass first.
    wait_until_delivered(gateway, aws, acked, backlog, 900)
    wait_until_delivered(gateway, other, acked, 0, 20)
    check_copies(aws)
    check(check_copies(other) == 0, "readings came twice at the broker that was left in peace")
    for name in ("aws", "pelion"):
        check(status_of(gateway, name)["dead_letters"] == 0, f"dead letters: {status_of(gateway, name)}")
    check(lateness(other.readings(), acked)[-1] <= LATEST_LIVE_S, "the other upstream was delayed")
    gateway.stop()
    check_limits(aws.stop())
    check_limits(other.stop())


if __name__ == "__main__":
    sys.exit(play(a_backlog_drains_behind_what_is_live, throttling_and_a_policy_give_nothing_up, connections_that_end,
                  compressed_batches_hold_each_reading_once))
