# SPDX-License-Identifier: Apache-2.0
"""Ten thousand sessions on disk: the gateway answers while it loads them, and goes on with each.

A small `scripts/bench sessions`: what the answers are counts here, not what they cost.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from harness import check, play  # noqa: E402
from session_bench import Bench, Options  # noqa: E402

SESSIONS, REQUESTS = 10_000, 20_000


def two_shards(stage):
    """P2: sessions that another process wrote, through the store, go on, each in its shard."""
    figures = Bench(stage, Options(requests=REQUESTS, shards=2, rounds=1)).measure(SESSIONS, 0)
    for who, awake in figures["awake"].items():
        check(awake["changed"] == REQUESTS and awake["other"] == 0 and awake["unopened"] == 0,
              f"not every answer was a 2.04 of its own session ({who}): {awake}")
    check(figures["handshakes"] == 0, f"{figures['handshakes']} handshakes by nodes that had a session")
    check(figures["cold_start"]["first_answer_s"] < 5, f"the first answer took long: {figures['cold_start']}")


if __name__ == "__main__":
    sys.exit(play(two_shards))
