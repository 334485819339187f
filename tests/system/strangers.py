# SPDX-License-Identifier: Apache-2.0
"""Datagrams from nobody: garbage, and ClientHellos from many forged addresses of 127.0.0.0/8."""

import random
import socket
import struct

IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)


def client_hello(identity_bytes=b"", random_bytes=None, cookie=b""):
    """A DTLS 1.2 ClientHello (RFC 6347 section 4.2.1) that offers PSK-AES128-CCM-8 and a CID. With a `cookie` it is
    the second of its handshake."""
    extensions = struct.pack("!HHB", 54, 1, 0)  # connection_id (RFC 9146), empty
    extensions += struct.pack("!HH", 23, 0)     # extended_master_secret
    if identity_bytes:                          # a padding extension (RFC 7685) to make it long
        extensions += struct.pack("!HH", 21, len(identity_bytes)) + identity_bytes
    body = b"\xfe\xfd" + (random_bytes or bytes(32)) + b"\x00" + bytes([len(cookie)]) + cookie
    body += struct.pack("!HH", 2, 0xc0a8) + b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    return hello_record(body, 0, len(body), 1 if cookie else 0)


def hello_record(body, begin, end, number=0):
    """The bytes `begin` to `end` of a ClientHello as a record, the message's `number` being 0 or 1."""
    handshake = b"\x01" + len(body).to_bytes(3, "big") + struct.pack("!H", number)
    handshake += begin.to_bytes(3, "big") + (end - begin).to_bytes(3, "big") + body[begin:end]
    return b"\x16\xfe\xfd\x00\x00" + number.to_bytes(6, "big") + struct.pack("!H", len(handshake)) + handshake


def hello_fragments(count):
    """A ClientHello in so many fragments (RFC 6347 section 4.2.3), a datagram each."""
    body = client_hello(identity_bytes=bytes(400))[25:]
    cuts = [n * len(body) // count for n in range(count + 1)]
    return [hello_record(body, begin, end) for begin, end in zip(cuts, cuts[1:])]


def cookie_of(hello_verify_request):
    """Behind the headers of record and message, the version and the cookie's length."""
    return hello_verify_request[28:28 + hello_verify_request[27]]


class Crowd:
    """One socket that speaks from any address of 127.0.0.0/8 and hears the answers to all of them."""

    def __init__(self, port):
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("0.0.0.0", 0))
        self.socket.setblocking(False)

    def send(self, number, datagram):
        """From stranger `number`, each with an address of its own."""
        source = struct.pack("!I", 0x7F400000 + number)
        info = struct.pack("i4s4s", 0, source, bytes(4))
        try:
            self.socket.sendmsg([datagram], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, ("127.0.0.1", self.port))
        except OSError:
            pass  # a full socket buffer: one stranger less

    def answers(self):
        """All that has come back so far."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536))
            except BlockingIOError:
                return found

    def close(self):
        self.socket.close()


def garbage(count, seed):
    """Datagrams of every first byte, truncated records and plain noise."""
    noise = random.Random(seed)
    hello = client_hello()
    for n in range(count):
        kind = n % 6
        if kind == 0:
            yield noise.randbytes(noise.randrange(0, 1500))
        elif kind == 1:
            yield hello[:noise.randrange(len(hello))]
        elif kind == 2:
            cut = bytearray(hello)
            cut[noise.randrange(len(cut))] ^= 1 << noise.randrange(8)
            yield bytes(cut)
        elif kind == 3:  # a record with a connection ID that nobody was given
            yield b"\x19\xfe\xfd\x00\x01" + noise.randbytes(12) + b"\x00\x20" + noise.randbytes(32)
        elif kind == 4:  # epoch-1 application data, an alert in epoch 0
            yield bytes([noise.choice((21, 22, 23))]) + b"\xfe\xfd\x00" + bytes([noise.randrange(2)]) + bytes(
                6) + b"\x00\x10" + noise.randbytes(16)
        else:
            yield bytes([n // 6 % 256]) + noise.randbytes(noise.randrange(0, 80))
