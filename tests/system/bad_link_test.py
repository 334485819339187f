# SPDX-License-Identifier: Apache-2.0
"""P7, P8: upstreams through links that are bad on purpose, to a real broker with TLS 1.2 and with TLS 1.3.

A stream that is cut anywhere, late or slow is no trouble at all; one that is broken or stalls at any byte is
noticed, and everything that a node was told is stored is delivered, once or under the same id.
"""

import random
import socket
import struct
import sys

from bad_link import BadLink
from harness import Nodes, Pki, Verifier, check, make_devices, play, tail
from many_upstreams import TLS, ManyUpstreams, TlsBroker

NODES = 3
FAST_NODES = {"ack_timeout": 1, "handshake_timeout_min": 1, "handshake_timeout_max": 8, "delay": 0.01}
# Where struct tcp_info (linux/tcp.h) has tcpi_unacked, tcpi_total_retrans and tcpi_data_segs_in.
SEGMENTS_UNACKNOWLEDGED, RETRANSMISSIONS, DATA_SEGMENTS_IN = 24, 100, 152


class Share:
    """What one upstream delivered: the part of a broker's that has its name as the first level of topics."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name

    def readings(self):
        return [entry for entry in self.broker.readings() if entry[1].startswith(self.name + "/")]


class House:
    """A broker for each version of TLS, and a gateway with an upstream through each of some links to them."""

    def __init__(self, stage, options_of_links, **keys):
        pki = Pki(stage.folder / "pki")
        self.stage = stage
        self.brokers = {tls: TlsBroker(stage, pki, tls) for tls in TLS}
        for broker in self.brokers.values():
            broker.start()
        self.links = {name: BadLink(stage, self.broker_of(name).port, name=name, **options)
                      for name, options in options_of_links.items()}
        self.gateway = ManyUpstreams(stage, pki, {name: {"url": link.url, **keys} for name, link in self.links.items()})
        self.devices = self.gateway.import_devices(make_devices(NODES))
        self.gateway.start()

    def broker_of(self, link_name):
        return self.brokers[link_name.partition("-")[0]]

    def send_readings(self, seconds, interval):
        nodes = Nodes(self.stage, self.gateway.address, self.devices, interval=interval, seconds=seconds,
                      **FAST_NODES)
        totals = nodes.wait(seconds + 60)
        check(totals["waiting"] == 0 and totals["acked"] > NODES, f"readings were not acknowledged: {totals}")
        return Verifier(nodes.events())

    def check_delivered(self, verifier, seconds):
        """Everything acknowledged is delivered through every link; verdicts by name."""
        shares = {name: Share(self.broker_of(name), name) for name in self.links}
        if not verifier.wait_until_delivered(shares.values(), seconds):
            missing = {name: len(verifier.missing(share)) for name, share in shares.items()}
            upstreams = self.gateway.upstreams()
            check(False, "not delivered through " + ", ".join(
                f"{name}: {count} readings ({upstreams[name]['trouble']}; {self.links[name].counts()})"
                for name, count in missing.items() if count) + f"\n{tail(self.gateway.log, 40)}")
        verdicts = {name: verifier.verdict(share) for name, share in shares.items()}
        for name, verdict in verdicts.items():
            check(verdict["lost"] == verdict["stored_twice"] == verdict["never_sent"] == 0
                  and not verdict["ids_reused"], f"{name}: {verdict}")
        return verdicts


def a_reader_sees_every_piece(stage):
    """The link's own proof: each piece is a segment, and with a gap each is a read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for cut, gap, sizes in (("1", 0, [1] * 4000), ("1", 0.005, [1] * 200), ("536", 0.02, [536] * 3 + [392]),
                                ("1393,2,rest", 0.02, [1393, 2, 2605])):
            link = BadLink(stage, server.getsockname()[1], name=f"proof-{cut}-{gap}", cut=cut, gap=gap)
            sent = bytes(n % 251 for n in range(sum(sizes)))
            with socket.create_connection(("127.0.0.1", link.port)) as sender:
                sender.sendall(sent)
                reader, _ = server.accept()
                with reader:
                    reader.settimeout(20)
                    reads = []
                    while sum(map(len, reads)) < len(sent):
                        reads.append(reader.recv(65536))
                    info = reader.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
            segments = struct.unpack_from("I", info, DATA_SEGMENTS_IN)[0]
            print(f"cut {cut}, gap {gap} s: {len(reads)} reads of {segments} segments")
            check(b"".join(reads) == sent, f"{cut}: the stream was changed")
            # On a machine that is busy TCP sends some twice, and a reader finds several pieces at once.
            check(segments >= len(sizes), f"{cut}: {segments} segments, not {len(sizes)}")
            check(gap == 0 or len(reads) >= 0.5 * len(sizes), f"{cut}: {len(reads)} reads of {len(sizes)} pieces")
            check(link.finish()["up"]["pieces"] == len(sizes), f"{cut}: not cut so")


def no_cut_and_no_delay_is_any_trouble(stage):
    shapes = {
        "bytes": {"cut": "1"},
        "modem": {"cut": "1393,2,rest", "gap": 0.002},
        "small": {"cut": "536", "gap": 0.001},
        **{f"random{seed}": {"cut": "random:700", "gap": 0.001, "seed": seed} for seed in (1, 2, 3)},
        "space": {"delay": 0.9, "jitter": 0.2},  # about 2 s there and back
        "narrow": {"rate": 3000, "buffer": 4096},
    }
    house = House(stage, {f"{tls}-{shape}": options for tls in TLS for shape, options in shapes.items()})
    verifier = house.send_readings(seconds=8, interval=0.7)
    for name, verdict in house.check_delivered(verifier, 30).items():
        check(verdict["redelivered"] == 0, f"{name}: {verdict}")
    house.gateway.stop()
    for name, link in house.links.items():
        counts = link.finish()
        print(f"{name}: {counts}")
        check(counts["accepted"] == 1, f"{name}: the link was connected to {counts['accepted']} times")
        if name.endswith("bytes"):
            check(counts["up"]["pieces"] == counts["up"]["passed"] > 2000, f"{name}: {counts}")


def a_black_hole_loses_large_segments_alone(stage):
    """TCP itself sends them again and again, as on a path whose MTU nobody told it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = BadLink(stage, server.getsockname()[1], up_black_hole_above=1000)
        with socket.create_connection(("127.0.0.1", link.port)) as sender:
            reader, _ = server.accept()
            with reader:
                reader.settimeout(1)
                sender.sendall(b"x" * 1000)
                check(reader.recv(65536) == b"x" * 1000, "a small segment was lost")
                sender.sendall(b"y" * 1001)
                try:
                    check(not reader.recv(65536), "a large segment passed")
                except TimeoutError:
                    pass
                info = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
                unacknowledged, = struct.unpack_from("I", info, SEGMENTS_UNACKNOWLEDGED)
                retransmissions, = struct.unpack_from("I", info, RETRANSMISSIONS)
                check(unacknowledged > 0 and retransmissions > 0,
                      f"{unacknowledged} segments unacknowledged, {retransmissions} retransmissions")
                reader.sendall(b"z" * 5000)
                check(len(sender.recv(65536)) == 5000, "the other direction suffers too")


# Bytes that each version of TLS takes with these certificates, up to CONNECT and CONNACK, and a little less.
CONNECTED = {"tls12": {"up": 960, "down": 1380}, "tls13": {"up": 980, "down": 2225}}
PUBLISHES = {"up": 2000, "down": 150}  # bytes of a few of them


def breaking_links():
    """Links that break their first connections, each at another byte, and then are good."""
    draw, options = random.Random(20), {}
    for tls, connected in CONNECTED.items():
        for direction, size in connected.items():
            for kind in ("reset", "half-close", "close", "swallow"):
                for phase, first, last in (("connecting", 0, size), ("later", size + 10, size + PUBLISHES[direction])):
                    # What is swallowed later is noticed by keep-alive alone, and that takes its time.
                    times = 1 if (kind, phase) == ("swallow", "later") else 2
                    positions = sorted(draw.randint(first, last) for _ in range(times))
                    options[f"{tls}-{kind}-{direction}-{phase}"] = {
                        f"{direction}_accident": kind, f"{direction}_after": ",".join(map(str, positions)),
                        "times": times}
    return options


def stalling_links():
    """Links that stall at each step: one for ever, one for a while that is shorter than the time-out."""
    steps = {  # direction, bytes that pass
        "hello": ("up", lambda connected: 0),
        "in-hello": ("up", lambda connected: 100),
        "our-flight": ("up", lambda connected: connected - 450),
        "connect": ("up", lambda connected: connected - 50),
        "publish": ("up", lambda connected: connected + 1000),
        "answer": ("down", lambda connected: 0),
        "their-flight": ("down", lambda connected: 300),
        "connack": ("down", lambda connected: connected - 20),
        "puback": ("down", lambda connected: connected + 50),
    }
    options = {}
    for tls, connected in CONNECTED.items():
        for step, (direction, position) in steps.items():
            stall = {f"{direction}_accident": "stall", f"{direction}_after": position(connected[direction]),
                     "times": 1}
            options[f"{tls}-{step}-for-ever"] = stall
            if step not in ("hello", "connect"):  # a gateway has 64 upstreams at most
                options[f"{tls}-{step}-a-while"] = {**stall, "stall_for": 1.5}
    return options


def check_broken(name, counts, accidents, again, times):
    check(1 <= accidents <= times, f"{name}: {accidents} accidents")
    check(counts["accepted"] > times, f"{name}: {counts['accepted']} connections")
    # A reading whose publish never arrived cannot be delivered twice.
    check(again == 0 or name.endswith("later"), f"{name}: {again} readings delivered again")


def check_stalled(name, counts, accidents, trouble):
    check(accidents == 1, f"{name}: {accidents} accidents")
    if name.endswith("for-ever"):
        check(counts["accepted"] > 1 and trouble, f"{name} was not given up: {counts}, {trouble}")
    else:
        check(counts["accepted"] == 1, f"{name} was not waited for: {counts}, {trouble}")


def nothing_is_lost_when_links_break_or_stall(stage):
    """At any byte and at any step; what stalls for ever is given up after the time-out that the file sets."""
    breaking, stalling = breaking_links(), stalling_links()
    house = House(stage, {**breaking, **stalling}, connect_timeout="6s", keep_alive="5s")
    verifier = house.send_readings(seconds=10, interval=0.5)
    verdicts = house.check_delivered(verifier, 60)
    house.gateway.stop()
    log, missed, answers_lost = house.gateway.log_text().splitlines(), 0, 0
    for name, link in house.links.items():
        counts, again = link.finish(), verdicts[name]["redelivered"]
        accidents = counts["up"]["accidents"] + counts["down"]["accidents"]
        trouble = [line for line in log if f"upstream {name} " in line]
        print(f"{name}: {counts['accepted']} connections, {again} readings delivered again; {trouble[:1]}")
        if name in breaking:
            check_broken(name, counts, accidents, again, breaking[name]["times"])
            missed += breaking[name]["times"] - accidents
            answers_lost += again if "-down-" in name else 0
        elif accidents:
            check_stalled(name, counts, accidents, trouble)
        else:
            missed += 1
    # On a machine that is busy a connection may come to its time-out before it comes to the byte.
    check(missed <= 0.1 * len(house.links), f"{missed} connections did not come to the byte that was to be their last")
    check(answers_lost > 0, "no PUBACK was ever lost: the test tests less than it says")


if __name__ == "__main__":
    sys.exit(play(a_reader_sees_every_piece, a_black_hole_loses_large_segments_alone,
                  no_cut_and_no_delay_is_any_trouble, nothing_is_lost_when_links_break_or_stall))
