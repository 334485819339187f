# SPDX-License-Identifier: Apache-2.0
"""Readings that a broker's policy refuses, and the operator who mends it: `narrowgate dead-letters` on a gateway that
runs, between two brokers of which one lets no reading of two devices pass."""

import json
import re
import signal
import sys

from harness import (AWS_LIMITS, GATEWAY_NAME, RECORDER_NAME, Broker, Gateway, Nodes, Pki, check, make_devices, play,
                     wait_for, write_devices)

READINGS = 5                        # a device
FORBIDDEN = ("wm-0002", "wm-0003")  # too few readings to pause the upstream (20 refusals running)
REFUSED = READINGS * len(FORBIDDEN)
# mosquitto 2.0.11 answers a denial with a closed connection when its queues have no limit.
DENIALS = "max_queued_messages 100000"
OK, FAILED, USAGE = range(3)


class Operator:
    """Types `narrowgate dead-letters …`."""

    def __init__(self, gateway):
        self.gateway = gateway

    def types(self, *arguments, status=OK):
        found, output = self.gateway.command("dead-letters", *arguments)
        check(found == status, f"dead-letters {' '.join(map(str, arguments))} ended with {found}:\n{output}")
        return output

    def letters(self, *arguments):
        return json.loads(self.types("list", "--json", *arguments))

    def is_told(self, words, *arguments, status=OK):
        output = self.types(*arguments, status=status)
        check(words in output, f"dead-letters {' '.join(map(str, arguments))} should say \"{words}\", said:\n{output}")


def forbid(broker, *devices):
    """The broker's policy from now on: nobody publishes for these devices."""
    rules = "".join(f"topic deny dt/water-meters/{device}/#\n" for device in devices)
    (broker.folder / "acl").write_text(f"user {GATEWAY_NAME}\n{rules}topic write {broker.topic}\n\n"
                                       f"user {RECORDER_NAME}\ntopic read {broker.topic}\n")
    if broker.process is not None:
        read = broker.log.read_text().count("Reloading config")
        broker.process.send_signal(signal.SIGHUP)
        wait_for(lambda: broker.log.read_text().count("Reloading config") > read, 10, "the broker's new policy")


def ids_of(broker):
    return sorted(envelope["id"] for _, _, envelope in broker.readings())


def of_aws(gateway):
    return next(one for one in gateway.status()["upstreams"] if one["name"] == "aws")


def letters_are_listed_retried_and_dropped(stage):
    pki = Pki(stage.folder / "pki")
    aws = Broker(stage, pki, "aws", "aws-roots", "dt/#", (*AWS_LIMITS, DENIALS))
    pelion = Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")
    forbid(aws, *FORBIDDEN)
    for broker in (aws, pelion):
        broker.start()
    gateway = Gateway(stage, pki, {"aws": aws.url, "pelion": pelion.url},
                      fleet_overrides={"route.topic": '"dt/{fleet}/{device}/{resource}"'})
    devices = make_devices(4)
    everybody = gateway.import_devices(devices)
    allowed = stage.folder / "allowed.csv"
    write_devices(allowed, devices[:1])
    gateway.start()
    operator = Operator(gateway)
    operator.is_told("There are no dead letters.", "list")

    def send(readings, identities_file, name):
        """So many readings of each device, all acknowledged by the gateway."""
        totals = Nodes(stage, gateway.address, identities_file, name=name, interval=0.1, readings=readings, seconds=10,
                       drain=10, ack_timeout=1, handshake_timeout_min=1, handshake_timeout_max=8).wait(30)
        check(totals["acked"] > 0 and totals["acked"] == totals["sent"], f"readings were not acknowledged: {totals}")

    def decide(letters, name):
        """A refusal becomes a dead letter once the broker takes something else: a reading of another device."""
        send(1, allowed, name)
        wait_for(lambda: (s := of_aws(gateway))["dead_letters"] == letters and s["waiting_readings"] == 0, 10,
                 f"{letters} refusals to be decided")

    def listed(count):
        """The letters, once so many are decided: they are written a moment after `status` counts them."""
        def decided():
            return sum(letter["retried"] is None for letter in operator.letters()) >= count
        wait_for(decided, 5, f"{count} letters in the list")
        return operator.letters()

    send(READINGS, everybody, "everybody")
    decide(REFUSED, "allowed")
    passed = ids_of(aws)
    check(len(passed) == len(set(passed)) == 2 * READINGS + 1, f"at the broker: {passed}")
    wait_for(lambda: len(ids_of(pelion)) == 4 * READINGS + 1, 10, "all readings at the broker that refuses none")

    # Listed: the newest first, with device and reason, without a payload.
    letters = listed(REFUSED)
    check(len(letters) == len(set(letter["id"] for letter in letters)) == REFUSED, f"listed: {letters}")
    check([letter["id"] for letter in letters] == sorted((letter["id"] for letter in letters), reverse=True), "order")
    for letter in letters:
        check(letter["upstream"] == "aws" and "not authorized (0x87)" in letter["reason"] and letter["retried"] is None
              and letter["reading"]["device"] in FORBIDDEN and letter["reading"]["bytes"] > 0
              and "payload" not in letter["reading"], f"a letter: {letter}")
    refused = sorted(letter["reading"]["id"] for letter in letters)
    check(sorted(passed + refused) == ids_of(pelion), "what was refused and what passed is not what was sent")
    check(operator.letters("--upstream", "aws", "--last", 3) == letters[:3], "--last 3 are not the newest three")
    check(operator.letters("--upstream", "pelion") == [], "pelion refused nothing")
    lines = operator.types("list").splitlines()
    check(re.match(r"ID +AT +UPSTREAM +READING +DEVICE +REASON$", lines[0]), f"the head of the list: {lines[0]}")
    check(len(lines) == 1 + REFUSED and all(re.match(rf"{letter['id']} .* aws .* {letter['reading']['id']} .*"
                                                     rf"{letter['reading']['device']} .*not authorized", line)
                                            for letter, line in zip(letters, lines[1:])), f"the list: {lines}")

    # What is not said rightly changes nothing, and each answer says what to do.
    for verb in ("retry", "drop"):
        operator.is_told(f"see narrowgate dead-letters {verb} --help", verb, status=USAGE)
        operator.is_told(f"see narrowgate dead-letters {verb} --help", verb, "--id", 1, "--all", status=USAGE)
        operator.is_told(f"see narrowgate dead-letters {verb} --help", verb, "--id", "first", status=USAGE)
        operator.is_told("`narrowgate dead-letters list`", verb, "--id", 999, status=FAILED)
        operator.is_told("there is no upstream \"azure\"", verb, "--upstream", "azure", "--all", status=FAILED)
    operator.is_told("there is no upstream \"azure\"", "list", "--upstream", "azure", status=FAILED)
    operator.is_told("see narrowgate dead-letters --help", "send", status=USAGE)
    check(operator.letters() == letters, "a wrong argument changed something")

    # Retried before anything was mended it is refused again, and is the same letter again.
    operator.is_told("1 reading waits for its upstream again", "retry", "--id", letters[0]["id"])
    decide(REFUSED + 1, "allowed again")  # that of `status` counts refusals
    again = listed(REFUSED)
    check([(letter["id"], letter["reading"]["id"], letter["retried"]) for letter in again]
          == [(letter["id"], letter["reading"]["id"], None) for letter in letters], f"retried in vain: {again}")

    # One is given up, the policy is mended, the others pass under the ids that they had.
    dropped = letters[-1]
    operator.is_told("1 reading deleted for good.", "drop", "--id", dropped["id"])
    operator.is_told("`narrowgate dead-letters list`", "drop", "--id", dropped["id"], status=FAILED)
    forbid(aws)
    before = ids_of(aws)
    operator.is_told(f"{REFUSED - 1} readings wait for their upstreams again", "retry", "--upstream", "aws", "--all")
    wait_for(lambda: len(ids_of(aws)) >= len(before) + REFUSED - 1, 15, "the readings that were retried")
    wait_for(lambda: of_aws(gateway)["waiting_readings"] == 0, 10, "nothing to wait")
    check(ids_of(aws) == sorted(before + [one for one in refused if one != dropped["reading"]["id"]]),
          "what was retried is not what came")
    wait_for(lambda: operator.letters() == [], 5, "no letters")
    operator.is_told("there are no dead letters; nothing is left to do", "retry", "--all", status=FAILED)
    noted = [(entry["action"], entry["subject"]) for entry in json.loads(gateway.command("audit", "--json")[1])
             if entry["subject"].startswith("dead letter")]
    check(noted == [("retry", "dead letters of aws"), ("drop", f"dead letter {dropped['id']}"),
                    ("retry", f"dead letter {letters[0]['id']}")], f"the audit trail: {noted}")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(letters_are_listed_retried_and_dropped))
