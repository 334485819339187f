# SPDX-License-Identifier: Apache-2.0
"""Wrong input gets a clear answer and costs nothing: strangers on the network, mistakes of the operator, a full
disk. Every message is checked for what is wrong, where, and what to do."""

import os
import pathlib
import re
import socket
import subprocess
import sys
import time

from harness import (AWS_LIMITS, Broker, Gateway, Nodes, Pki, Skip, Verifier, check, make_devices, play, quote,
                     tail, wait_for)
from strangers import Crowd, client_hello, garbage

NOWHERE = {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}
FAST = {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }'}


def lone_gateway(stage, overrides=None, **options):
    """A gateway with no broker to speak to."""
    return Gateway(stage, Pki(stage.folder / "pki"), NOWHERE, {**FAST, **(overrides or {})}, **options)


def resident_kib(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def a_node_is_served(stage, gateway, devices):
    nodes = Nodes(stage, gateway.address, devices, interval=0.2, readings=3, ack_timeout=1,
                  handshake_timeout_min=1, handshake_timeout_max=8)
    totals = nodes.wait(60)
    check(totals["acked"] == 3 * totals["nodes"], f"honest nodes were not served: {totals}")


def says(text, *patterns):
    for pattern in patterns:
        check(re.search(pattern, text, re.I | re.S), f"should say /{pattern}/, said:\n{text}")


def refuses(gateway, *patterns):
    """The gateway must end at once, with a message that says all of `patterns`."""
    try:
        status, output = gateway.run_until_it_fails()
    except subprocess.TimeoutExpired:
        check(False, f"the gateway runs where it must refuse (/{patterns[0]}/)")
    check(status > 0, f"exit status {status}; said:\n{output}")
    says(output, *patterns)


def strangers_on_the_network(stage):
    gateway = lone_gateway(stage)
    devices = gateway.import_devices(make_devices(2))
    gateway.start()
    a_node_is_served(stage, gateway, devices)
    crowd = Crowd(gateway.port)
    lines, resident = len(gateway.log_text().splitlines()), resident_kib(gateway)

    for n, datagram in enumerate(garbage(6_000, seed=5)):
        crowd.send(n, datagram)
        if n % 200 == 0:
            time.sleep(0.01)
    time.sleep(0.5)
    check(gateway.process.poll() is None, f"garbage ended the gateway:\n{tail(gateway.log)}")
    crowd.answers()

    hello = client_hello(random_bytes=os.urandom(32))
    asked = 50_000
    answers = []
    for n in range(asked):
        crowd.send(n, hello)
        if n % 50 == 0:
            answers += crowd.answers()
    wait_for(lambda: not time.sleep(0.3) and not answers.extend(new := crowd.answers()) and not new, 20,
             "the last answers")
    print(f"{asked} ClientHellos of {len(hello)} bytes from as many addresses: {len(answers)} answers, "
          f"longest {max(map(len, answers), default=0)} bytes; resident {resident} -> {resident_kib(gateway)} KiB")
    check(len(answers) > asked // 10, "the flood was hardly answered: the test tests nothing")
    check(len(answers) <= asked and max(map(len, answers)) <= len(hello), "answers amplify")
    check(resident_kib(gateway) - resident < 2048, "memory grew with the flood")
    added = gateway.log_text().splitlines()[lines:]
    # What concerns the brokers that are not there may be said again meanwhile.
    check(not [line for line in added if "aws" not in line and "pelion" not in line],
          "strangers wrote log lines:\n" + "\n".join(added[:10]))
    a_node_is_served(stage, gateway, devices)
    crowd.close()
    gateway.stop()


def a_port_in_use(stage):
    gateway = lone_gateway(stage)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", gateway.port))
        refuses(gateway, str(gateway.port), "in use")


def a_second_daemon_on_the_same_state(stage):
    gateway = lone_gateway(stage)
    gateway.start()
    second = Gateway(stage, Pki(stage.folder / "pki2"), NOWHERE,
                     {"gateway.state_directory": quote(gateway.folder / "state")}, name="second")
    refuses(second, re.escape(str(gateway.folder / "state")), str(gateway.process.pid))
    check(gateway.process.poll() is None, "the second daemon hurt the first")
    gateway.stop()


def a_state_directory_that_cannot_be_written(stage):
    gateway = lone_gateway(stage)
    state = gateway.folder / "state"
    if os.geteuid() == 0:  # whom no mode bits stop
        gateway.prefix = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o ro tmpfs {state} && exec "$@"', "sh"]
    else:
        os.chmod(state, 0o500)
    refuses(gateway, re.escape(str(state)), r"read-only|permission|writ")
    gateway.prefix = []
    os.chmod(state, 0o700)
    # And one whose path leads through a file.
    (gateway.folder / "file").write_text("")
    gateway.config.write_text(gateway.config.read_text().replace(quote(state), quote(gateway.folder / "file" / "s")))
    refuses(gateway, re.escape(str(gateway.folder / "file")))


def a_configuration_with_mistakes(stage):
    gateway = lone_gateway(stage)
    good = gateway.config.read_text()
    status, output = gateway.command("check")
    check(status == 0, f"check of the example failed ({status}):\n{output}")

    bad = good.replace("mtu = 512", 'mtu = "wide"').replace("max_age", "max_ago")
    bad = bad.replace("tls/aws-roots.pem", "tls/missing.pem")
    gateway.config.write_text(bad)
    fleet = gateway.folder / "fleets.d" / "water-meters.toml"
    fleet.write_text(fleet.read_text().replace('upstream = "pelion"', 'upstream = "pelikan"'))
    os.chmod(gateway.folder / "tls" / "gw-1.key", 0o644)

    def line_of(path, text):
        return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)
    expected = [f"narrowgate.toml:{line_of(gateway.config, 'wide')}:\\d+.*mtu",
                f"narrowgate.toml:{line_of(gateway.config, 'max_ago')}:\\d+.*max_ago.*max_age",
                f"narrowgate.toml:{line_of(gateway.config, 'missing.pem')}:\\d+.*missing.pem",
                f"water-meters.toml:{line_of(fleet, 'pelikan')}:\\d+.*pelikan",
                "gw-1.key.*chmod"]
    status, output = gateway.command("check")
    check(status > 0, "check passed a file full of mistakes")
    says(output, *expected)  # all of them, not only the first
    refuses(gateway, expected[0])
    gateway.config.write_text("[gateway\n")
    refuses(gateway, r"narrowgate.toml:1:\d+")
    gateway.config.unlink()
    refuses(gateway, "narrowgate.toml", "no such file|cannot be|does not exist")


def a_broker_that_refuses_our_certificate(stage):
    pki = Pki(stage.folder / "pki")
    aws = Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
    pelion = Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")
    aws.start()
    pelion.start()
    gateway = Gateway(stage, pki, {"aws": aws.url, "pelion": pelion.url},
                      {**FAST, "aws.certificate_file": '"tls/stranger.crt"', "aws.key_file": '"tls/stranger.key"'})
    devices = gateway.import_devices(make_devices(1))
    gateway.start()
    a_node_is_served(stage, gateway, devices)
    wait_for(lambda: len(pelion.readings()) >= 3, 20, "the readings at the broker that takes our certificate")
    wait_for(lambda: re.search(r"aws.*certificate", gateway.log_text(), re.I), 20,
             f"a line about the certificate:\n{tail(gateway.log)}")
    status, output = gateway.command("status")
    says(output, "aws.*certificate")
    check(not aws.readings(), "the broker took a certificate of a stranger")
    # And the other way round: a broker whose chain is not the one that we trust.
    gateway.stop()
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("stranger", "gw-1").replace("tls/aws-roots.pem", "tls/edge-ca.pem", 1))
    mark = len(gateway.log_text())
    gateway.start()
    wait_for(lambda: re.search(r"aws.*(verif|self.signed|issuer|chain|ca_file)", gateway.log_text()[mark:], re.I), 20,
             f"a line about the broker's certificate:\n{tail(gateway.log)}")
    check(not aws.readings(), "readings went to a broker that was not verified")
    gateway.stop()


# Nodes that were put off are spread over so long: not minutes, as in the field.
SOON = {"fleet.report_interval": '"5s"'}


def fill_and_drain(stage, gateway, brokers, cap, fill, relieve):
    """With the brokers away, `cap` is reached: nodes are put off, nothing acknowledged is lost, then it drains."""
    devices = gateway.import_devices(make_devices(20))
    gateway.start()
    fill()
    nodes = Nodes(stage, gateway.address, devices, interval=0.02, ack_timeout=1, max_retransmit=8, drain=200,
                  handshake_timeout_min=1, handshake_timeout_max=8)
    wait_for(lambda: (nodes.totals() or {"deferred": 0})["deferred"] >= 20, 120, f"5.03 answers: {cap}")
    check(gateway.process.poll() is None, f"the gateway died of it:\n{tail(gateway.log)}")
    says(gateway.command("status")[1], "full|disk|space")
    nodes.process.terminate()  # no more readings; the queues remain
    # Full or not, sessions and marks are still written: a crash now costs no node a handshake.
    gateway.kill()
    gateway.start()
    for broker in brokers:
        broker.start()
    relieve()
    totals = nodes.wait(240)
    verifier = Verifier(nodes.events())
    delivered = verifier.wait_until_delivered(brokers, 120)
    verdicts = {broker.name: verifier.verdict(broker) for broker in brokers}
    print(f"{cap}: {totals['acked']} acknowledged, {totals['deferred']} put off, {verdicts}")
    check(delivered, "acknowledged readings were lost")
    check(totals["waiting"] == 0, f"nodes were put off for ever: {totals}")
    check(totals["handshakes"] == totals["nodes"], f"handshakes: {totals}")
    gateway.stop()


def brokers_away(stage):
    pki = Pki(stage.folder / "pki")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        broker.start()  # for the subscriber's session
        broker.stop()
    return pki, brokers


def a_full_store(stage):
    pki, brokers = brokers_away(stage)
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers},
                      {**FAST, "store.max_size": '"1MiB"', "store.ballast_size": '"256KiB"'}, fleet_overrides=SOON)
    fill_and_drain(stage, gateway, brokers, "a full store of 1 MiB", lambda: None, lambda: None)


def a_full_disk(stage):
    """The state directory on a small tmpfs, in a mount namespace of the gateway's own, filled up from outside."""
    if os.geteuid() != 0:
        raise Skip("needs root for a mount namespace")
    pki, brokers = brokers_away(stage)
    gateway = Gateway(stage, pki, {b.name: b.url for b in brokers}, FAST, fleet_overrides=SOON)
    state = gateway.folder / "state"
    # The kill in between must not take the disk with it: the namespace is held by a process of its own.
    holder = stage.start(["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=48m,mode=0700 tmpfs {state} && "
                          "exec sleep 600"], stage.folder / "holder.log")
    wait_for(lambda: "tmpfs " + str(state) in pathlib.Path(f"/proc/{holder.pid}/mounts").read_text(), 10, "the disk")
    enter = ["nsenter", "-t", holder.pid, "-m", "-r"]
    gateway.prefix = enter
    filler = pathlib.Path(f"/proc/{holder.pid}/root{state}") / "filler"

    def fill():
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass  # no space left: as wished

    fill_and_drain(stage, gateway, brokers, "a full disk", fill, filler.unlink)


if __name__ == "__main__":
    sys.exit(play(strangers_on_the_network, a_port_in_use, a_second_daemon_on_the_same_state,
                  a_state_directory_that_cannot_be_written, a_configuration_with_mistakes,
                  a_broker_that_refuses_our_certificate, a_full_store, a_full_disk))
