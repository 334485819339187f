# SPDX-License-Identifier: Apache-2.0
"""`narrowgate diagnose device` says of each node that does not get through what stalls it, with real peers: OpenSSL,
the simulated nodes, and sockets that stop half-way."""

import json
import os
import re
import socket
import sys
import time

from harness import FLEET, Gateway, Nodes, Pki, check, end, make_devices, play, tail, wait_for
from strangers import client_hello, cookie_of, hello_fragments

NOWHERE = {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}
FIRST_WAIT = 1  # seconds before our flight is sent again
TIMEOUT = {"dtls.handshake_timeout": f'{{ min = "{FIRST_WAIT}s", max = "4s" }}'}


class Peer:
    """A UDP socket on an address of its own, as a node that can do only so much."""

    def __init__(self, gateway, ip, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self.socket.connect(("127.0.0.1", gateway.port))
        self.socket.settimeout(5)
        self.address = "{}:{}".format(*self.socket.getsockname())

    def send(self, datagram):
        self.socket.send(datagram)

    def hear(self):
        return self.socket.recv(4096)


def openssl(stage, gateway, ip, identity, key, cipher, name):
    """OpenSSL's client, from an address of its own. It stays until it is ended, or has shaken hands."""
    return stage.start(["openssl", "s_client", "-dtls1_2", "-connect", gateway.address, "-bind", f"{ip}:0", "-psk", key,
                        "-psk_identity", identity, "-cipher", cipher], stage.folder / f"{name}.log")


def diagnosis(gateway, who):
    status, output = gateway.command("diagnose", "device", who, "--json")
    check(status == 0, f"diagnose device {who} ended with {status}:\n{output}")
    return json.loads(output)


def finds(gateway, who, finding, *words):
    """Waits until the verdict on `who` is `finding`; what is printed then must say all of `words`."""
    last = {}

    def found():
        last.update(diagnosis(gateway, who))
        return last["finding"] == finding
    try:
        wait_for(found, 15, finding)
    except Exception:
        check(False, f"{who} should be found {finding}; found:\n{json.dumps(last, indent=1)}")
    status, output = gateway.command("diagnose", "device", who)
    check(status == 0 and f"Verdict: {finding}\n" in output, f"{who} should be printed as {finding}:\n{output}")
    for pattern in words:
        check(re.search(pattern, output, re.S), f"the diagnosis of {who} should say /{pattern}/:\n{output}")
    print(f"-- {who}\n{output}")
    return last


def each_node_has_its_verdict(stage):
    gateway = Gateway(stage, Pki(stage.folder / "pki"), NOWHERE, TIMEOUT)
    devices = make_devices(5)
    (good, _), (closing, closing_key), (wrong, _), (cbc, cbc_key), (silent, _) = devices
    gateway.import_devices(devices)
    only_good = stage.folder / "good.csv"
    only_good.write_text(f"identity,fleet,psk_hex\n{good},{FLEET},{devices[0][1]}\n")
    os.chmod(only_good, 0o600)
    gateway.start()
    log_lines = len(gateway.log_text().splitlines())

    finds(gateway, silent, "no-trace", "firewall", "APN", r"dtls\.listen")
    finds(gateway, "127.0.0.99", "no-trace", "no device's name or identity")

    nodes = Nodes(stage, gateway.address, only_good, interval=0.2, readings=3, ack_timeout=1, handshake_timeout_min=1,
                  handshake_timeout_max=4)
    totals = nodes.wait(30)
    check(totals["acked"] == 3, f"the good node was not served: {totals}")
    well = finds(gateway, good, "ok", "ClientKeyExchange, ChangeCipherSpec, Finished", "It has a session",
                 r"established with PSK-AES128-CCM8")
    finds(gateway, well["handshakes"][0]["remote"], "ok", f'diagnose device "{good}"')

    # Peers that wait for something are there all at once; each has an address of its own.
    waiting = [openssl(stage, gateway, "127.0.0.12", wrong, "00" * 16, "PSK-AES128-CCM8", "wrong-key"),
               openssl(stage, gateway, "127.0.0.13", "wm-nobody", "00" * 16, "PSK-AES128-GCM-SHA256", "unknown")]
    openssl(stage, gateway, "127.0.0.14", cbc, cbc_key, "PSK-AES128-CBC-SHA256:PSK-AES256-CBC-SHA384", "cbc")
    openssl(stage, gateway, "127.0.0.15", closing, closing_key, "PSK-AES128-CCM8", "closing")

    stops = Peer(gateway, "127.0.0.16")
    random_bytes = os.urandom(32)
    stops.send(client_hello(random_bytes=random_bytes))
    stops.send(client_hello(random_bytes=random_bytes, cookie=cookie_of(stops.hear())))
    flight = stops.hear()
    stopped = time.monotonic()

    loops = Peer(gateway, "127.0.0.17")
    for _ in range(4):
        loops.send(client_hello(random_bytes=random_bytes))
        loops.hear()
    cookie = b""
    hopping = [Peer(gateway, "127.0.0.18") for _ in range(4)]
    for peer in hopping:  # a NAT that gives each datagram another port
        peer.send(client_hello(random_bytes=random_bytes, cookie=cookie))
        cookie = cookie_of(peer.hear())
    fragments = Peer(gateway, "127.0.0.19")
    for fragment in hello_fragments(3):
        fragments.send(fragment)
    old = Peer(gateway, "127.0.0.20")
    old.send(client_hello().replace(b"\xfe\xfd", b"\xfe\xff"))  # DTLS 1.0, in its record and in its message

    finds(gateway, "127.0.0.14", "no-common-suite", "All of them are CBC suites",
          "PSK-AES(128|256)-CBC-SHA(256|384), PSK-AES(128|256)-CBC-SHA(256|384)", "modem")
    finds(gateway, closing, "session-lost", "close_notify", "Alert|Finished")
    finds(gateway, loops.address, "cookie-loop", "4 times", "firewall", "HelloVerifyRequest")
    finds(gateway, "127.0.0.18", "cookie-loop", "from 4 ports, 3 with a cookie", "NAT that gives each a port")
    found = finds(gateway, "127.0.0.19", "fragmented-hello", "3 so far", r"RFC 6347 section 4\.2\.1")
    check(found["hellos"][0]["message_bytes"] > 400, f"sizes: {found['hellos']}")
    finds(gateway, "127.0.0.20", "malformed-hello", "DTLS 1.2")
    finds(gateway, wrong, "wrong-key", "Finished that does not fit the key", "device rotate")
    finds(gateway, "127.0.0.12", "wrong-key", f'identity "{wrong}" \\(known\\)')
    finds(gateway, "wm-nobody", "unknown-identity", r'"wm-nobody" \(unknown\)', "device list")
    time.sleep(max(0, stopped + 1.5 * FIRST_WAIT - time.monotonic()))
    found = finds(gateway, stops.address, "silence-after-our-flight", f"{len(flight)} bytes", r"dtls\.mtu is 512",
                  r"ServerHello, ServerHelloDone \(again\)")
    steps = [(step["ours"], step["bytes"], step["again"]) for step in found["handshakes"][0]["datagrams"]]
    check(steps[1] == (True, len(flight), False) and (True, len(flight), True) in steps[2:], f"steps: {steps}")

    for process in waiting:
        end(process)
    own = re.compile("aws|pelion|sessions go on")  # upstreams, and the end of loading
    said = [line for line in gateway.log_text().splitlines()[log_lines:] if not own.search(line)]
    check(not said, "strangers wrote log lines:\n" + "\n".join(said[:5]))
    check(gateway.process.poll() is None, f"the gateway died:\n{tail(gateway.log)}")
    gateway.stop()
    status, output = gateway.command("diagnose", "device", closing)
    check(status == 0 and "No daemon runs" in output and "Verdict: session-lost" in output, output)


if __name__ == "__main__":
    sys.exit(play(each_node_has_its_verdict))
