# SPDX-License-Identifier: Apache-2.0
"""Readings went out under a wrong topic. The operator mends the route and has those of that time sent once more, while
nodes go on and the gateway is killed in the middle of it."""

import datetime
import json
import signal
import sys
import time

from harness import AWS_LIMITS, Broker, Gateway, Nodes, Pki, check, make_devices, play, wait_for

DEVICES = 6
A_SECOND = 20           # publishes to aws: nodes need 12, and the rest is left for the replay
BEFORE, WITHIN, AFTER, LIVE = 4, 15, 4, 30   # readings a device
WRONG, RIGHT = "dt/wrong/", "dt/right/"
OK, FAILED, USAGE, NOT_RUNNING = range(4)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


def ids_of(broker, topic):
    return [envelope["id"] for _, found, envelope in broker.readings() if found.startswith(topic)]


def aws_of(gateway):
    return next(one for one in gateway.status()["upstreams"] if one["name"] == "aws")


def readings_are_sent_once_more_under_the_right_topic(stage):
    pki = Pki(stage.folder / "pki")
    aws = Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
    pelion = Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")
    for broker in (aws, pelion):
        broker.start()
    gateway = Gateway(stage, pki, {"aws": aws.url, "pelion": pelion.url},
                      {"store.retention": '"1d"', "aws.publishes_per_second": A_SECOND},
                      fleet_overrides={"route.topic": f'"{WRONG}{{device}}"'})
    identities = gateway.import_devices(make_devices(DEVICES))
    gateway.start()

    def types(*arguments, status=OK):
        found, output = gateway.command("replay", *arguments)
        check(found == status, f"replay {' '.join(map(str, arguments))} ended with {found}:\n{output}")
        return output

    def state():
        return json.loads(types("--status", "--json", "--upstream", "aws"))[0]

    def nodes(readings, name):
        return Nodes(stage, gateway.address, identities, name=name, interval=0.5, readings=readings, seconds=40,
                     drain=20, ack_timeout=1, handshake_timeout_min=1, handshake_timeout_max=8)

    def send(readings, name):
        """So many of each device; the ids under which they came to the broker."""
        known = set(ids_of(aws, "dt/"))
        totals = nodes(readings, name).wait(90)
        check(totals["acked"] == readings * DEVICES, f"readings were not acknowledged: {totals}")
        wait_for(lambda: len(set(ids_of(aws, "dt/")) - known) == readings * DEVICES, 20, f"{name} at the broker")
        return set(ids_of(aws, "dt/")) - known

    send(BEFORE, "before")
    time.sleep(0.05)  # times are of milliseconds
    began = now()
    within = send(WITHIN, "within")
    ended = now()
    time.sleep(0.05)
    send(AFTER, "after")
    check(not ids_of(aws, RIGHT), "nothing went by the right topic yet")
    wait_for(lambda: gateway.status()["store"]["retained_readings"] == (BEFORE + WITHIN + AFTER) * DEVICES, 10,
             "all that was delivered to be retained")
    check(gateway.status()["store"]["waiting_readings"] == 0, "what is retained must not wait")

    # The route is mended, and taken without a restart.
    for fleet in (gateway.folder / "fleets.d").glob("*.toml"):
        fleet.write_text(fleet.read_text().replace(WRONG, RIGHT))
    gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reloaded:" in gateway.log_text(), 10, "the reload")
    of_range = ("--from", began, "--to", ended, "--upstream", "aws")
    count = json.loads(types(*of_range, "--dry-run", "--json"))
    check(count["readings"] == len(within) and count["unwanted"] == 0, f"a dry run counts {count}")
    check(types("--status") == "There was no replay.\n", "a dry run began one")
    types("--from", "yesterday", "--upstream", "aws", status=USAGE)
    types("--from", "-2h", "--upstream", "azure", status=FAILED)
    types("--from", "-2h", status=USAGE)

    # Nodes go on; the gateway is killed in the middle.
    live = nodes(LIVE, "live")
    wait_for(lambda: ids_of(aws, RIGHT), 20, "the first reading under the right topic")
    types(*of_range)
    types(*of_range, status=FAILED)  # one at a time
    wait_for(lambda: len(within & set(ids_of(aws, RIGHT))) >= len(within) // 4, 60, "a part of the replay")
    check(state()["state"] == "running", f"too early: {state()}")
    check(aws_of(gateway)["replaying"], "status does not tell of the replay")
    gateway.kill()
    check(len(within & set(ids_of(aws, RIGHT))) < len(within), "the kill came too late")
    gateway.start()
    wait_for(lambda: state()["state"] == "ended", 90, "the end of the replay")
    wait_for(lambda: within <= set(ids_of(aws, RIGHT)), 10, "all that was within")
    found = state()
    check(found["refused"] == found["left_out"] == found["gone"] == 0, f"the replay: {found}")
    totals = live.wait(90)
    check(totals["acked"] == LIVE * DEVICES, f"live readings were not acknowledged: {totals}")

    def lively():
        return set(ids_of(aws, RIGHT)) - within
    wait_for(lambda: len(lively()) >= LIVE * DEVICES, 20, "what was live")
    check(not lively() & set(ids_of(aws, WRONG)), "what was received outside the range was sent once more")
    check(not lively() & (set(ids_of(aws, "dt/")) - set(ids_of(aws, RIGHT))), "a reading of both kinds")
    # Live readings did not wait for the end of the replay.
    order = ids_of(aws, RIGHT)
    last = max(n for n, one in enumerate(order) if one in within)
    check(sum(one in lively() for one in order[:last]) > LIVE, "live readings waited for the replay")
    # Only what was in flight or not yet noted when the gateway was killed came a second time.
    again = [one for one in order if one in within]
    check(len(again) - len(within) <= 2 * A_SECOND, f"{len(again)} deliveries of {len(within)} readings")

    # A second one is ended by a person.
    types(*of_range, "--device", "wm-0001")
    types("--cancel", "--upstream", "aws")
    check(state()["state"] == "cancelled", f"cancelled: {state()}")
    types("--cancel", "--upstream", "aws", status=FAILED)
    noted = [(entry["action"], entry["subject"]) for entry in json.loads(gateway.command("audit", "--json")[1])]
    check(noted[:3] == [("cancel replay", "aws"), ("replay", "aws"), ("replay", "aws")], f"the audit trail: {noted}")
    code, shown = gateway.command("status")
    check(code == 0 and "delivered readings" in shown, f"status should tell what is retained:\n{shown}")
    gateway.stop()
    types(*of_range, status=NOT_RUNNING)


if __name__ == "__main__":
    sys.exit(play(readings_are_sent_once_more_under_the_right_topic))
