# SPDX-License-Identifier: Apache-2.0
"""The crash test for hours: rounds of kills under load through NATs, each with a gateway, brokers and nodes of its
own, all promises checked at the end of each. Ends at the first one that is broken, and keeps its folder."""

import argparse
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


def play_upstream_round(number, seed, seconds):
    """True when every promise was kept."""
    print(f"round {number}: seed {seed}, {seconds:.0f} s", flush=True)
    with Stage("soak-upstream") as stage:
        try:
            aws_limits_test.misbehave_at_random(stage, random.Random(seed), seconds)
            return True
        except Failure as failure:
            stage.keep = True
            print(f"FAILED  round {number}: {failure}\nwhat it left is in {stage.folder}", flush=True)
            return False


def soak_upstream(chosen):
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"--seed {seed}")
    choose = random.Random(seed)
    began = time.monotonic()
    number = 0
    while (left := chosen.minutes * 60 - (time.monotonic() - began)) > 0:
        number += 1
        if not play_upstream_round(number, choose.randrange(1 << 32), min(left, ROUND_SECONDS)):
            return 1
    print(f"passed  {number} rounds in {(time.monotonic() - began) / 60:.1f} min", flush=True)
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
    print(f"{'passed' if passed else 'FAILED'}  {number} rounds in {(time.monotonic() - began) / 60:.1f} min: "
          + ", ".join(f"{value} {key}" for key, value in sums.items()), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    options = arguments()
    sys.exit(soak_upstream(options) if options.upstream else soak(options))
