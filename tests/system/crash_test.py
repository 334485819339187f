# SPDX-License-Identifier: Apache-2.0
"""P1 and P2: kill -9 at random moments under load loses no acknowledged reading and no session.

The kills begin while nodes still shake hands, so that crashes fall between a session's commit and its last
flight too. Link and moments come from a seed that is printed.
"""

import os
import random
import sys
import time

from harness import (AWS_LIMITS, Broker, Gateway, Nodes, Pki, Verifier, check, make_devices, play)

KILLS = int(os.environ.get("NARROWGATE_KILLS", "30"))
NODES = 40
LINK = {"delay": 0.01, "jitter": 0.02, "loss": 0.01, "duplicate": 0.01, "reorder": 0.02}


def kill_at_random(stage):
    seed = int(os.environ.get("NARROWGATE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"NARROWGATE_SEED={seed}")
    moments = random.Random(seed)
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers},
                      {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }'})
    devices = gateway.import_devices(make_devices(NODES))
    gateway.start()
    # 0.3 s doubled nine times outlives any run of kills, and stays below EXCHANGE_LIFETIME: no node gives an
    # exchange up, so no reading may be stored twice.
    nodes = Nodes(stage, gateway.address, devices, seed=seed, interval=0.5, ack_timeout=0.3, max_retransmit=8,
                  handshake_timeout_min=0.5, handshake_timeout_max=4, drain=180, **LINK)
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.01, 1.2))
        gateway.kill()
        gateway.start()
    time.sleep(2)
    totals = nodes.finish(200)
    verifier = Verifier(nodes.events())
    verifier.wait_until_delivered(brokers, 90)
    gateway.stop()

    print(f"{gateway.kills} kills, {len(verifier.sent)} sent, {len(verifier.acked)} acknowledged, "
          f"{totals['handshakes']} handshakes, {totals['retransmissions']} retransmissions")
    check(gateway.kills >= KILLS, "too few kills")
    check(len(verifier.acked) > NODES, "the nodes got hardly anything through")
    check(totals["handshakes"] == NODES, f"{NODES} nodes made {totals['handshakes']} handshakes: {totals}")
    check(totals["given_up"] == 0 and totals["refused"] == 0, f"exchanges ended badly: {totals}")
    check(totals["waiting"] == 0, f"readings were never acknowledged: {totals}")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        print(f"{broker.name}: {verdict}")
        check(verdict["lost"] == 0, f"{broker.name} lacks {sorted(verifier.missing(broker))[:10]}")
        check(verdict["stored_twice"] == 0, "a reading was stored twice")
        check(verdict["never_sent"] == 0 and not verdict["ids_reused"], "readings that no node sent")


if __name__ == "__main__":
    sys.exit(play(kill_at_random))
