# SPDX-License-Identifier: Apache-2.0
"""Certificates of the gateway's that are renewed on disk: they are used by themselves, one connection of an upstream
after the other, and no reading is lost or waits for it."""

import re
import shutil
import sys

from harness import GATEWAY_NAME, Nodes, Verifier, check, make_devices, must, play, tail, wait_for
from operator_test import CONFIGURATION, FAST_NODES, OK, RENEWED_NAME, does, house, says

CONNECTIONS = 3
CONNECT = re.compile(r"^(\d+): New client connected from \S+ as (\S+) \(p5, c1, k\d+, u'([^']+)'\)", re.MULTILINE)
LEAST_STAGGER_S = 3  # of the 5 s between one connection and the next, as the broker's clock of seconds shows them


def swap(pki, gateway, suffix):
    """As certbot and others do: written beside, and renamed into place."""
    new = gateway.folder / "tls" / f"new.{suffix}"
    shutil.copy(pki.folder / f"{RENEWED_NAME}.{suffix}", new)
    new.rename(gateway.folder / "tls" / f"gw-1.{suffix}")


def a_renewed_certificate_is_used_without_a_word(stage):
    """No SIGHUP: the key comes after the certificate, and that is waited for."""
    pki, brokers, gateway = house(stage)
    gateway.start()
    wait_for(lambda: gateway.status()["well"], 20, "both upstreams")
    upstreams = gateway.status()["upstreams"]
    check(all(80 < upstream["certificate_days_left"] <= 90 and upstream["roots_expire"] for upstream in upstreams),
          f"{upstreams}")
    says(does(gateway, OK, "status"), r"certificates +aws until \d{4}-\d\d-\d\d \(\d\d days left\), pelion until")

    swap(pki, gateway, "crt")
    wait_for(lambda: gateway.log_text().count("keeps the certificate that it has") == 2, 15, "a word on half a swap")
    check(all(upstream["connected"] and upstream["reconnects"] == 0 for upstream in gateway.status()["upstreams"]),
          "half of a swap took a good connection down")
    swap(pki, gateway, "key")
    for broker in brokers:
        wait_for(lambda: f"u'{RENEWED_NAME}'" in broker.log.read_text(), 15,
                 f"the renewed certificate at broker {broker.name}:\n{tail(broker.log)}")
    wait_for(lambda: gateway.status()["well"], 10, "both upstreams again")
    check(all(upstream["reconnects"] == 1 for upstream in gateway.status()["upstreams"]), "more than one reconnect")
    gateway.stop()

    # A certificate that has expired while the gateway was off holds up its upstream, not the gateway.
    files = {suffix: (gateway.folder / "tls" / f"gw-1.{suffix}") for suffix in ("crt", "csr")}
    must(["openssl", "req", "-new", "-key", gateway.folder / "tls" / "gw-1.key", "-subj", "/CN=late", "-out",
          files["csr"]])
    must(["openssl", "x509", "-req", "-days", "-1", "-in", files["csr"], "-CA", pki.certificate("clients-ca"), "-CAkey",
          pki.key("clients-ca"), "-CAcreateserial", "-out", files["crt"]])
    says(does(gateway, CONFIGURATION, "check"), r"gw-1.crt \(CN=late\) expired on \d{4}.*renew it")
    gateway.start()
    wait_for(lambda: "expired on" in gateway.status()["health"], 10, "a word on the expired certificate")
    gateway.stop()


def each_of_several_connections_is_renewed_in_its_turn(stage):
    """Under load: each client ID connects once more, none within a second, and readings go on by the others."""
    pki, (aws, _), gateway = house(stage, {"aws.connections": str(CONNECTIONS)})
    devices = gateway.import_devices(make_devices(12))
    gateway.start()
    nodes = Nodes(stage, gateway.address, devices, interval=0.25, drain=30, **FAST_NODES)
    clients = [f"{GATEWAY_NAME}-{n}" for n in range(CONNECTIONS)]

    def connects(user):
        return {client: int(at) for at, client, name in CONNECT.findall(aws.log.read_text()) if name == user}
    wait_for(lambda: sorted(connects(GATEWAY_NAME)) == clients and len(aws.readings()) > 20, 20,
             f"{CONNECTIONS} connections and readings by them:\n{tail(aws.log)}")
    swap(pki, gateway, "crt")
    swap(pki, gateway, "key")
    wait_for(lambda: sorted(connects(RENEWED_NAME)) == clients, 25,
             f"the renewed certificate on each connection:\n{tail(aws.log)}")
    before = len(aws.readings())
    wait_for(lambda: len(aws.readings()) > before + len(devices.read_text().splitlines()), 10,
             "readings by the renewed connections")

    made = CONNECT.findall(aws.log.read_text())
    for client in clients:
        times = [(int(at), user) for at, name, user in made if name == client]
        check([user for _, user in times] == [GATEWAY_NAME, RENEWED_NAME], f"{client} connected {times}")
        check(times[1][0] - times[0][0] >= 1, f"two CONNECTs of {client} within a second: {times}")
    renewed = sorted(connects(RENEWED_NAME).values())
    check(all(b - a >= LEAST_STAGGER_S for a, b in zip(renewed, renewed[1:])),
          f"several connections were away at one time: {renewed}")
    status = next(one for one in gateway.status()["upstreams"] if one["name"] == "aws")
    check(status["connected"] and status["reconnects"] == CONNECTIONS, f"{status}")
    totals = nodes.finish()
    check(totals["waiting"] == 0 and totals["given_up"] == 0, f"readings were not acknowledged: {totals}")
    verifier = Verifier(nodes.events())
    check(verifier.wait_until_delivered([aws], 20), "acknowledged readings were lost")
    verdict = verifier.verdict(aws)
    check(verdict["lost"] == verdict["stored_twice"] == 0 and not verdict["ids_reused"], f"{verdict}")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(a_renewed_certificate_is_used_without_a_word, each_of_several_connections_is_renewed_in_its_turn))
