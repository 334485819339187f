# SPDX-License-Identifier: Apache-2.0
"""kill -9 in a loop under load, through NATs that lose, rebind and replay: what the crash test plays for a
minute and scripts/soak for hours.

Most nodes have connection IDs, and a NAT that forgets them; the others are bound to their address, and their NAT
keeps it. Both lose and repeat datagrams, and in both sits an attacker. The kills begin while nodes still shake
hands, so that crashes fall between a session's commit and its last flight too.
"""

import random
import time
from dataclasses import dataclass

from harness import AWS_LIMITS, Broker, Gateway, Nodes, Pki, Verifier, check, make_devices, write_devices
from nat import Nat, audit_nonces

SHARDS = 2
ROAMING = 30  # nodes with a connection ID
BOUND = 10    # nodes without
LINK = {"delay": 0.01, "jitter": 0.02, "loss": 0.01, "duplicate": 0.01, "reorder": 0.02}
ATTACKER = {"replay": 0.1, "replay_after": 15}
# Many ports, so that few are reused within what the nonce audit can tell apart.
ROAMING_NAT = {"rebind_every": 10, "ports": 512, "reuse": 0.1}
# After the last kill, with nodes and attackers still at work: counters of the gateway that nothing resets.
CALM_SECONDS = 6


@dataclass
class Plan:
    seed: int
    kills: int            # at most
    seconds: float        # of kills, at most
    longest_life: float   # of the gateway between two kills, in seconds
    interval: float = 0.5  # between a node's readings


def kill_under_load(stage, plan):
    """Plays the plan and checks P1, P2, P3 and P4; returns a summary. A Failure when a promise is broken."""
    moments = random.Random(plan.seed)
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers},
                      {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }', "dtls.shards": SHARDS,
                       "aws.batch_size": '"0B"'})  # a message a reading, each with an envelope of its own
    devices = make_devices(ROAMING + BOUND)
    gateway.import_devices(devices)
    gateway.start()

    nats = {"roaming": Nat(stage, gateway.address, plan.seed, "nat-roaming", **LINK, **ATTACKER, **ROAMING_NAT),
            "bound": Nat(stage, gateway.address, plan.seed + 1, "nat-bound", **LINK, **ATTACKER)}
    fleets = []
    for name, share in (("roaming", devices[:ROAMING]), ("bound", devices[ROAMING:])):
        identities = stage.folder / f"{name}.csv"
        write_devices(identities, share)
        # 0.3 s doubled nine times outlives any run of kills, and stays below EXCHANGE_LIFETIME: no node gives an
        # exchange up, so no reading may be stored twice.
        fleets.append(Nodes(stage, nats[name].address, identities, seed=plan.seed, name=name,
                            interval=plan.interval, ack_timeout=0.3, max_retransmit=8, handshake_timeout_min=0.5,
                            handshake_timeout_max=4, drain=180, report_interval=5,
                            no_cid=1 if name == "bound" else 0))
    began = time.monotonic()
    while gateway.kills < plan.kills and time.monotonic() - began < plan.seconds:
        time.sleep(moments.uniform(0.01, plan.longest_life))
        gateway.kill()
        if moments.random() < 0.1:
            nats["roaming"].rebind_all()
        gateway.start()
    time.sleep(CALM_SECONDS)
    totals = [fleet.finish(200) for fleet in fleets]
    status = gateway.status()
    verifier = Verifier([event for fleet in fleets for event in fleet.events()])
    verifier.wait_until_delivered(brokers, 90)
    gateway.stop()
    counts = {name: nat.finish() for name, nat in nats.items()}

    sums = {key: sum(total[key] for total in totals)
            for key in ("handshakes", "retransmissions", "given_up", "refused", "waiting", "with_connection_id")}
    print(f"{gateway.kills} kills in {time.monotonic() - began:.0f} s, {len(verifier.sent)} sent, "
          f"{len(verifier.acked)} acknowledged, {sums['handshakes']} handshakes, "
          f"{sums['retransmissions']} retransmissions")
    check(len(verifier.acked) > ROAMING + BOUND, "the nodes got hardly anything through")
    check(sums["handshakes"] == ROAMING + BOUND, f"{ROAMING + BOUND} nodes made {sums['handshakes']} handshakes")
    check(sums["with_connection_id"] == ROAMING, f"{sums['with_connection_id']} nodes have a connection ID")
    check(sums["given_up"] == 0 and sums["refused"] == 0, f"exchanges ended badly: {totals}")
    check(sums["waiting"] == 0, f"readings were never acknowledged: {totals}")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        print(f"{broker.name}: {verdict}")
        check(verdict["lost"] == 0, f"{broker.name} lacks {sorted(verifier.missing(broker))[:10]}")
        check(verdict["stored_twice"] == 0, "a reading was stored twice")
        check(verdict["never_sent"] == 0 and not verdict["ids_reused"], "readings that no node sent")

    for name, nat in counts.items():
        print(f"NAT of the {name}: {nat}")
        check(nat["link_up"]["lost"] > 0 and nat["link_down"]["lost"] > 0, f"the NAT of the {name} lost nothing")
        check(nat["replayed"] > 0 and nat["spoofed"] > 0, f"nobody replayed anything of the {name}")
        # Once is a record that the gateway lost when it was killed, and then got from the attacker.
        check(nat["replays_answered_again"] == 0, f"a replay was accepted twice: {nat}")
    check(counts["roaming"]["rebound"] > ROAMING and counts["roaming"]["reused"] > 0, "hardly a node was rebound")
    check(counts["bound"]["mappings"] == BOUND, "a mapping of the bound nodes did not hold")
    fates, shards = status["uplink"]["fates"], status["shards"]
    print(f"the gateway since its last start: {fates}, shards {shards}")
    check(fates.get("replayed", 0) > 0, "the gateway saw no replay")
    check(len(shards) == SHARDS and all(shard["readings"] > 0 for shard in shards), "a shard had nothing to do")

    audit = audit_nonces([nat.recording for nat in nats.values()], min_records=len(verifier.acked) // 2,
                         min_sessions=ROAMING + BOUND)
    print(f"nonce audit: {audit}")
    return {"kills": gateway.kills, "acked": len(verifier.acked),
            "replays": sum(nat["replayed"] + nat["spoofed"] for nat in counts.values()),
            "rebindings": counts["roaming"]["rebound"],
            "records": audit["records_up"] + audit["records_down"]}
