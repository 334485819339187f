# SPDX-License-Identifier: Apache-2.0
"""P1 to P4: kill -9 at random moments under load, through NATs that lose, rebind and replay, costs no
acknowledged reading, no session and no nonce; no replay is accepted.

Links and moments come from a seed that is printed.
"""

import os
import random
import sys

from disorder import Plan, kill_under_load
from harness import check, play

KILLS = int(os.environ.get("NARROWGATE_KILLS", "50"))


def kill_at_random(stage):
    seed = int(os.environ.get("NARROWGATE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"NARROWGATE_SEED={seed}")
    summary = kill_under_load(stage, Plan(seed=seed, kills=KILLS, seconds=150, longest_life=1.2))
    check(summary["kills"] >= KILLS, f"only {summary['kills']} of {KILLS} kills: the machine is too slow")


if __name__ == "__main__":
    sys.exit(play(kill_at_random))
