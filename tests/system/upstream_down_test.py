# SPDX-License-Identifier: Apache-2.0
"""P7: one upstream that is down, or whose name does not resolve, neither delays nor harms the other."""

import sys

from harness import (AWS_LIMITS, Broker, Gateway, Nodes, Pki, Verifier, check, key, make_devices, play,
                     reading_key)
from silent_resolver import SilentResolver

NODES = 10
SECONDS = 12
# An acknowledged reading must be at the healthy broker within this, though the other hangs (median and worst).
MEDIAN_SECONDS, WORST_SECONDS = 1.0, 4.0


def house(stage):
    pki = Pki(stage.folder / "pki")
    aws = Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
    pelion = Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")
    aws.start()
    pelion.start()  # its subscriber gets its session, which the broker keeps while it is down
    pelion.stop()
    return pki, aws, pelion


def send_readings(stage, gateway, devices):
    nodes = Nodes(stage, gateway.address, devices, interval=0.5, seconds=SECONDS, ack_timeout=1,
                  handshake_timeout_min=1, handshake_timeout_max=8, delay=0.01)
    totals = nodes.wait(SECONDS + 90)
    check(totals["waiting"] == 0 and totals["acked"] > NODES, f"readings were not acknowledged: {totals}")
    return nodes.events()


def check_healthy(broker, events):
    verifier = Verifier(events)
    check(verifier.wait_until_delivered([broker], 20), f"{broker.name} lacks {len(verifier.missing(broker))}")
    acked_at = {key(event): event["at_us"] / 1e6 for event in events if event["event"] == "acked"}
    delays = sorted(max(0.0, at - acked_at[reading_key(envelope)]) for at, _, envelope in broker.readings()
                    if reading_key(envelope) in acked_at)
    print(f"{broker.name}: {len(delays)} readings, from ACK to delivery median {delays[len(delays) // 2]:.3f} s, "
          f"worst {delays[-1]:.3f} s")
    check(delays[len(delays) // 2] <= MEDIAN_SECONDS and delays[-1] <= WORST_SECONDS,
          "the healthy upstream was delayed")
    return verifier


def check_caught_up(verifier, brokers):
    check(verifier.wait_until_delivered(brokers, 90),
          f"not caught up: {[(broker.name, len(verifier.missing(broker))) for broker in brokers]}")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        print(f"{broker.name}: {verdict}")
        check(verdict["lost"] == 0 and verdict["stored_twice"] == 0 and not verdict["ids_reused"],
              f"{broker.name}: {verdict}")


def a_broker_that_is_down(stage):
    pki, aws, pelion = house(stage)
    gateway = Gateway(stage, pki, {"aws": aws.url, "pelion": pelion.url})
    devices = gateway.import_devices(make_devices(NODES))
    gateway.start()
    verifier = check_healthy(aws, send_readings(stage, gateway, devices))
    check(not pelion.readings(), "a broker that is down delivered")
    pelion.start()
    check_caught_up(verifier, [aws, pelion])
    gateway.stop()


def catch_up_under_the_right_name(stage, gateway_for):
    """The name is wrong for the whole run; then the file is put right and the gateway started again."""
    pki, aws, pelion = house(stage)
    gateway = gateway_for(pki, aws, f"mqtts://edge.invalid:{pelion.port}")
    devices = gateway.import_devices(make_devices(NODES))
    gateway.start()
    verifier = check_healthy(aws, send_readings(stage, gateway, devices))
    gateway.stop()
    gateway.config.write_text(gateway.config.read_text().replace("edge.invalid", "localhost"))
    pelion.start()
    gateway.start()
    check_caught_up(verifier, [aws, pelion])
    gateway.stop()


def a_name_that_does_not_resolve(stage):
    catch_up_under_the_right_name(
        stage, lambda pki, aws, url: Gateway(stage, pki, {"aws": aws.url, "pelion": url}))


def a_name_server_that_never_answers(stage):
    with SilentResolver(stage) as resolver:
        catch_up_under_the_right_name(
            stage, lambda pki, aws, url: Gateway(stage, pki, {"aws": aws.url, "pelion": url},
                                                 prefix=resolver.prefix))


if __name__ == "__main__":
    sys.exit(play(a_broker_that_is_down, a_name_that_does_not_resolve, a_name_server_that_never_answers))
