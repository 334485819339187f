# SPDX-License-Identifier: Apache-2.0
"""The crash test for hours: rounds of kills under load through NATs, each with a gateway, brokers and nodes of its
own, all promises checked at the end of each. Ends at the first one that is broken, and keeps its folder."""

import argparse
import contextlib
import json
import random
import sys
import time

import aws_limits_test
from disorder import Plan, kill_under_load
from stage import Failure, Stage

ROUND_SECONDS = 600  # what a round records is looked through, and deleted, at its end
LONGEST_LIVES = (1.2, 5, 30)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long, 1 to 1440 (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=0, help="end after so many; 0 is no limit")
    parser.add_argument("--seed", type=int, default=None, help="of moments, links and NATs; random by default")
    parser.add_argument("--upstream", action="store_true",
                        help="a broker with AWS's limits that misbehaves at random, in place of kills")
    chosen = parser.parse_args()
    if not 1 <= chosen.minutes <= 1440 or chosen.kills < 0:
        parser.error("--minutes must be 1 to 1440, and --kills not negative")
    return chosen


def counted(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def play_round(number, plan):
    """The round's summary; None when a promise was broken."""
    print(f"round {number}: seed {plan.seed}, {plan.seconds:.0f} s, lives of up to {plan.longest_life} s", flush=True)
    with Stage("soak") as stage:
        try:
            return kill_under_load(stage, plan)
        except Failure as failure:
            stage.keep = True
            print(f"FAILED  round {number}: {failure}\nwhat it left is in {stage.folder}", flush=True)
            return None


class Account:
    """Standard output of an upstream round, each line with its second; the brokers' counts become words."""

    def __init__(self, out):
        self.out, self.began = out, time.monotonic()
        self.brokers = ["aws", "pelion"]  # in the order of their counts
        self.troubles = 0
        self._rest = ""

    def write(self, text):
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(None, lines):
            self.troubles += line.startswith("  ")
            print(f"{time.monotonic() - self.began:8.0f} s  {self._words_of(line.strip())}", file=self.out, flush=True)
        return len(text)

    def flush(self):
        self.out.flush()

    def _words_of(self, line):
        if not line.startswith("{"):
            return line
        counts = json.loads(line)
        if "taken" not in counts:
            return f"a backlog of {counts['readings']} readings, {counts['bytes_per_reading']:.0f} B each"
        refused = ", ".join(f"{count} answered {code}" for code, count in counts["answers"].items() if code != "0x00")
        return (f"{self.brokers.pop(0)}: took {counts['taken']} of {counts['publishes']} publishes in "
                f"{counted(counts['connections'], 'connection')} ({counts['unanswered']} without an answer"
                f"{', ' + refused if refused else ''}); at most {counts['largest_second']:.0f} and "
                f"{counts['largest_second_bytes'] / 1024:.0f} KiB a second, "
                f"{counts['largest_unacknowledged']} under way")


def play_upstream_round(number, seed, seconds):
    """How many troubles it had; None when a promise was broken."""
    print(f"round {number}: seed {seed}, {seconds:.0f} s", flush=True)
    with Stage("soak-upstream") as stage:
        account = Account(sys.stdout)
        try:
            with contextlib.redirect_stdout(account):
                aws_limits_test.misbehave_at_random(stage, random.Random(seed), seconds)
            return account.troubles
        except Failure as failure:
            stage.keep = True
            print(f"FAILED  round {number}: {failure}\nwhat it left is in {stage.folder}", flush=True)
            return None


def soak_upstream(chosen):
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"--seed {seed}")
    choose = random.Random(seed)
    began = time.monotonic()
    number = troubles = 0
    while (left := chosen.minutes * 60 - (time.monotonic() - began)) > 0:
        number += 1
        more = play_upstream_round(number, choose.randrange(1 << 32), min(left, ROUND_SECONDS))
        if more is None:
            return 1
        troubles += more
    print(f"passed  {counted(number, 'round')} in {(time.monotonic() - began) / 60:.1f} min: "
          f"{counted(troubles, 'trouble')}, nothing lost", flush=True)
    return 0


def soak(chosen):
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"--seed {seed}")
    choose = random.Random(seed)
    began = time.monotonic()
    sums = {}
    number = 0
    passed = True
    while passed:
        left = chosen.minutes * 60 - (time.monotonic() - began)
        kills = chosen.kills - sums.get("kills", 0) if chosen.kills else 1_000_000
        if left <= 0 or kills <= 0:
            break
        number += 1
        summary = play_round(number, Plan(seed=choose.randrange(1 << 32), kills=kills,
                                          seconds=min(left, ROUND_SECONDS),
                                          longest_life=choose.choice(LONGEST_LIVES)))
        passed = summary is not None
        for key, value in (summary or {}).items():
            sums[key] = sums.get(key, 0) + value
    minutes = (time.monotonic() - began) / 60
    print(f"{'passed' if passed else 'FAILED'}  {counted(number, 'round')} in {minutes:.1f} min: "
          + ", ".join(f"{value} {key}" for key, value in sums.items()), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    options = arguments()
    sys.exit(soak_upstream(options) if options.upstream else soak(options))
