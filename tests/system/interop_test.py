# SPDX-License-Identifier: Apache-2.0
"""Stacks that are not ours against the real gateway: libcoap on OpenSSL and on GnuTLS, and openssl s_client."""

import json
import os
import re
import select
import subprocess
import sys
import time

from harness import Broker, CoapClient, Gateway, Nodes, Pki, check, end, make_devices, play, wait_for

IDENTITY, KEY = "interop-1", "sixteen-byte-key"
SENML_JSON = b'[{"bn":"interop:","n":"seq","v":7},{"n":"t","u":"Cel","v":21.5}]'
SENML_CBOR = bytes.fromhex("82a321" "68") + b"interop:" + bytes.fromhex("00") + b"\x63seq" + bytes.fromhex(
    "0208" "a300" "6174" "01" "63") + b"Cel" + bytes.fromhex("02fa41ac0000")



def house(stage, shards=1):
    pki = Pki(stage.folder / "pki")
    broker = Broker(stage, pki, "aws", "aws-roots", "dt/#")
    broker.start()
    gateway = Gateway(stage, pki, {"aws": broker.url, "pelion": "mqtts://localhost:2"},
                      {"dtls.handshake_timeout": '{ min = "1s", max = "4s" }', "dtls.shards": shards})
    gateway.import_devices([(IDENTITY, KEY.encode().hex())])
    gateway.start()
    return broker, gateway


def restart_with(gateway, shards):
    """kill -9, and a start with another number of threads."""
    gateway.kill()
    text, found = re.subn(r"(?m)^shards = \d+", f"shards = {shards}", gateway.config.read_text())
    check(found == 1, "the configuration has no line for the number of shards")
    gateway.config.write_text(text)
    gateway.start()
    check(len(gateway.status()["shards"]) == shards, f"not {shards} shards: {gateway.status()['shards']}")


def delivered(broker, count):
    """The readings in the order in which they were stored, each once: what was stored before the connection stood
    comes by the backlog lane and may follow what is new, and what lost its PUBACK comes again under its id."""
    def by_number():
        return {int(envelope["id"].rsplit("-", 1)[1]): envelope for _, _, envelope in broker.readings()}
    wait_for(lambda: len(by_number()) >= count, 20, f"{count} readings at the broker")
    return [envelope for _, envelope in sorted(by_number().items())]


def libcoap(stage, stack, shards):
    broker, gateway = house(stage, shards)
    client = CoapClient(stack, gateway.address, IDENTITY, KEY)

    answer = client.ask("get", "time")
    check(re.match(r"20\d\d-", answer), f"GET /time answered: {answer!r}")
    links = client.ask("get", ".well-known/core")
    check("</telemetry>" in links, f"/.well-known/core answered: {links!r}")

    uplinks = [(SENML_CBOR, 112, "senml"), (SENML_JSON, 110, "senml"), (b"\xa1\x61a\x01", 60, "value"),
               (b'{"a":1}', 50, "value"), (b"all is well", 0, "text"), (b"\x00\xff\x01", 42, "base64")]
    for payload, content_format, member in uplinks:
        for method in ("post", "put"):
            answer = client.ask(method, "telemetry", payload, content_format)
            check(not re.search(r"[45]\.\d\d", answer), f"{method} of {content_format} answered: {answer!r}")
    envelopes = delivered(broker, 2 * len(uplinks))
    for n, (_, content_format, member) in enumerate(uplinks):
        for envelope in envelopes[2 * n:2 * n + 2]:
            check(envelope["content_format"] == content_format and member in envelope, f"envelope: {envelope}")
            check(envelope["device"] == IDENTITY and envelope["resource"] == "telemetry", f"envelope: {envelope}")
    names = {record["n"]: record.get("v") for record in envelopes[0]["senml"]}
    check(names == {"interop:seq": 8, "interop:t": 21.5}, f"SenML came out as {names}")
    check(len(envelopes) == 2 * len(uplinks), f"{len(envelopes)} readings of {2 * len(uplinks)} requests")

    # An upload in blocks (RFC 7959), arriving whole.
    long_text = b"block " * 500
    answer = client.ask("post", "telemetry", long_text, 0, more=("-b", "256"))
    check(not re.search(r"[45]\.\d\d", answer), f"an upload in blocks answered: {answer!r}")
    check(delivered(broker, 2 * len(uplinks) + 1)[-1]["text"].encode() == long_text, "the upload was changed")

    for method, path, payload, content_format, code in (
            ("get", "nowhere", None, None, "4.04"),
            ("delete", "telemetry", None, None, "4.05"),
            ("post", "telemetry", b"\x82\xa1", 112, "4.00"),
            ("post", "telemetry", b"[{]", 110, "4.00"),
            ("post", "telemetry", b"\xff", 60, "4.00"),
            ("post", "telemetry", b"{", 50, "4.00"),
            ("post", "telemetry", b"<a/>", 41, "4.15"),
            ("post", "telemetry", b"x" * 20_000, 0, "4.13")):
        answer = client.ask(method, path, payload, content_format)
        check(code in answer, f"{method} {path} of {payload and payload[:8]!r} should be {code}, was: {answer!r}")
        # The diagnostic payload follows the code (RFC 7252 section 5.5.2).
        if code == "4.00":
            check(len(answer.strip()) > len(code) + 3, f"no reason was given: {answer!r}")

    # A wrong key and an unknown identity get no session, and look the same.
    wrong = CoapClient(stack, gateway.address, IDENTITY, "not-the-real-key").ask("get", "time", seconds=6)
    unknown = CoapClient(stack, gateway.address, "nobody", KEY).ask("get", "time", seconds=6)
    for answer in (wrong, unknown):
        check(not re.search(r"^\s*20\d\d-", answer, re.M), f"a stranger was served: {answer!r}")
    shape = re.compile(r"alert[^\n]*|unknown[^\n]*identity", re.I)
    check(sorted(shape.findall(wrong)) == sorted(shape.findall(unknown)),
          f"a wrong key and an unknown identity are told apart:\n{wrong}\n{unknown}")
    # After a crash, with more threads and with one again: clients without a connection ID get in as before.
    for shards in (2, 1):
        restart_with(gateway, shards)
        answer = CoapClient(stack, gateway.address, IDENTITY, KEY).ask("get", "time")
        check(re.search(r"^\s*20\d\d-", answer, re.M), f"with {shards} shards GET /time answered: {answer!r}")
    gateway.stop()


def libcoap_on_openssl(stage):
    libcoap(stage, "openssl", shards=1)


def libcoap_on_gnutls(stage):
    libcoap(stage, "gnutls", shards=2)


def coap_get(path, message_id):
    return bytes([0x40, 0x01, *message_id.to_bytes(2, "big"), 0xB0 | len(path)]) + path.encode()


def read_for(process, seconds):
    deadline, data = time.monotonic() + seconds, b""
    while time.monotonic() < deadline and not data:
        if select.select([process.stdout], [], [], 0.1)[0]:
            data = os.read(process.stdout.fileno(), 4096)
            if not data:
                break
    return data


def openssl_s_client(stage):
    """Each cipher suite: a CoAP GET /time typed into openssl, its ACK read back; a restart in between."""
    _, gateway = house(stage)
    for suite in ("PSK-AES128-CCM8", "PSK-AES128-CCM", "PSK-AES128-GCM-SHA256"):
        with open(stage.folder / "s_client.log", "wb") as log:
            process = subprocess.Popen(
                ["openssl", "s_client", "-dtls1_2", "-connect", gateway.address, "-psk", KEY.encode().hex(),
                 "-psk_identity", IDENTITY, "-cipher", f"{suite}:@SECLEVEL=0", "-quiet"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        stage.processes.append(process)
        for message_id, shards_then in ((1, 2), (2, 1), (3, 1)):
            process.stdin.write(coap_get("time", message_id))
            process.stdin.flush()
            answer = read_for(process, 10)
            check(answer[:1] and answer[0] >> 4 & 3 == 2 and answer[1] == 0x45 and
                  answer[2:4] == message_id.to_bytes(2, "big"),
                  f"{suite}: no 2.05 to GET /time number {message_id}: {answer.hex()}\n"
                  + (stage.folder / "s_client.log").read_text(errors="replace"))
            # The session has no connection ID: found by its address, and it outlives the gateway's death and a
            # change of shards.
            restart_with(gateway, shards_then)
        end(process)
    status = gateway.status()
    check(status, f"no status: {json.dumps(status)}")
    gateway.stop()


def sizes_of_connection_ids(stage):
    """mbedTLS nodes that want to be addressed by 0 to 16 bytes, killed off and resharded: 1, 2, 1 threads."""
    _, gateway = house(stage)
    count = 2 * 17
    devices = gateway.import_devices(make_devices(count, "cid"))
    nodes = Nodes(stage, gateway.address, devices, interval=0.3, own_cid=16, no_cid=0.25, ack_timeout=0.5,
                  max_retransmit=8, drain=90, handshake_timeout_min=0.5, handshake_timeout_max=4)

    def more(acknowledgements):
        before = (nodes.totals() or {"acked": 0})["acked"]
        wait_for(lambda: (nodes.totals() or {"acked": 0})["acked"] > before + acknowledgements, 60,
                 f"{acknowledgements} acknowledgements: {nodes.totals()}")
    more(3 * count)
    for shards in (2, 1):
        restart_with(gateway, shards)
        more(3 * count)
    totals = nodes.finish(120)
    check(totals["handshakes"] == count and totals["waiting"] == 0 and totals["refused"] == 0, f"{totals}")
    check(0 < totals["with_connection_id"] < count, f"{totals}")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(libcoap_on_openssl, libcoap_on_gnutls, openssl_s_client, sizes_of_connection_ids))
