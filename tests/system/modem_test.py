#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulated SARA-N2 as a process: a node's side of its UART, a UDP echo on the internet's side."""

import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import threading
import time
import tty

from harness import BUILD
from stage import check, end, play, wait_for

MODEM_BINARY = BUILD / "tests" / "sim" / "narrowgate-modem"
START = ["--boot-time", 0.2, "--search-time", 0.2]


class Echo:
    """Sends every datagram back, and knows where the last one came from."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.senders = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            datagram, sender = self.socket.recvfrom(2048)
            self.senders.append(sender)
            self.socket.sendto(datagram, sender)


class Node:
    """The node's end of the UART."""

    def __init__(self, fd):
        self.fd = fd
        self.heard = b""

    def say(self, text):
        os.write(self.fd, text.encode())

    def is_heard(self, seconds):
        """Whether anything is said in that time."""
        return bool(select.select([self.fd], [], [], seconds)[0])

    def hear(self, wanted, seconds=10):
        """Waits for `wanted`; returns all that was heard up to its end, which is then forgotten."""
        deadline = time.monotonic() + seconds
        while wanted.encode() not in self.heard:
            left = deadline - time.monotonic()
            check(left > 0, f"waited in vain for {wanted!r}; heard {self.heard!r}")
            if self.is_heard(left):
                self.heard += os.read(self.fd, 4096)
        place = self.heard.index(wanted.encode()) + len(wanted)
        before, self.heard = self.heard[:place], self.heard[place:]
        return before.decode(errors="replace")

    def ask(self, command, final="OK\r\n"):
        self.say(command + "\r")
        return self.hear(final)


def start(stage, name, flags, **options):
    """The process and the path that it says it listens at."""
    out = stage.folder / f"{name}.out"
    with open(out, "ab") as stdout:
        process = stage.start([MODEM_BINARY, *START, *flags], stage.folder / f"{name}.log", stdout=stdout, **options)
    wait_for(lambda: b"\n" in out.read_bytes(), 10, "the modem to say where it is")
    return process, json.loads(out.read_text().splitlines()[0])["listening"], out


def register(node):
    node.hear("u-blox\r\n\r\nOK\r\n")
    wait_for(lambda: "+CEREG: 0,1" in node.ask("AT+CEREG?"), 10, "the registration", every=0.2)
    for command in ("AT+CMEE=1", "AT+CSCON=1", "AT+NPSMR=1"):
        node.ask(command)


def exchange(node, peer, data, flags="0x400"):
    """One datagram to the echo and back."""
    node.ask(f'AT+NSOSTF=0,"127.0.0.1",{peer},{flags},{len(data)},"{data.hex().upper()}"')
    node.hear(f"+NSONMI: 0,{len(data)}\r\n")
    answer = node.ask("AT+NSORF=0,512")
    check(f'"127.0.0.1",{peer},{len(data)},"{data.hex().upper()}",0' in answer, f"what came back: {answer!r}")


def unix_socket_pacing_sleep_and_rebinding(stage):
    echo = Echo()
    log = stage.folder / "air.jsonl"
    process, path, out = start(stage, "modem", ["--socket", stage.folder / "uart", "--log", log, "--delay", 0.05,
                                                "--release-time", 1, "--falls-asleep-after", 0.6])
    with socket.socket(socket.AF_UNIX) as uart:
        uart.connect(path)
        node = Node(uart.fileno())
        register(node)
        check("\r\n0\r\n" in node.ask('AT+NSOCR="DGRAM",17,0,1'), "the socket's number stands alone")

        began = time.monotonic()
        exchange(node, echo.port, bytes(range(256)) * 2)
        took = time.monotonic() - began
        # 1 080 characters out, 1 060 back, at 960 a second, and twice 50 ms on air.
        check(2.2 < took < 6, f"512 bytes there and back took {took:.2f} s at 9600 baud")
        node.hear("+CSCON: 0\r\n")  # 0x400: released after the reply

        # Power saving: T3324 is 2 s from the next release on.
        node.ask('AT+CPSMS=1,,,"00100001","00000001"')
        exchange(node, echo.port, b"good night")
        node.hear("+CSCON: 0\r\n")
        node.hear("+NPSMR: 1\r\n")

        check(not node.is_heard(0.9), "nothing more is said: the UART falls asleep")
        node.say("AT\r")
        check(not node.is_heard(0.3), "a sleeping modem loses the first byte it is told")

        def wakes():
            node.say("AT\r")
            return node.is_heard(0.3)
        wait_for(wakes, 5, "the modem to wake")
        node.hear("OK\r\n")
        process.send_signal(signal.SIGUSR1)
        exchange(node, echo.port, b"good morning")

    ports = [port for _, port in echo.senders]
    check(ports[0] == ports[1] != ports[2], f"a new outside port after the rebinding alone: {ports}")
    check(end(process) == 0, "the modem ends well")
    counts = json.loads(out.read_text().splitlines()[-1])
    check(counts["up"] == 3 and counts["down"] == 3, f"three datagrams each way: {counts}")
    check(counts["bytes_lost_asleep"] >= 1 and counts["rebound"] == 1, f"lost bytes, one rebinding: {counts}")
    air = [json.loads(line) for line in log.read_text().splitlines()]
    up = [entry["bytes"] for entry in air if entry["what"] == "up"]
    check(up == [512, 10, 12], f"bytes on air: {up}")
    check({"start", "registration", "connected", "released", "asleep", "awake", "down"} <=
          {entry["what"] for entry in air}, "the log tells the radio's story")


def pseudo_terminal_and_commands(stage):
    echo = Echo()
    process, path, out = start(stage, "modem", ["--baud", 0, "--link", stage.folder / "modem"], stdin=subprocess.PIPE)
    check(pathlib.Path(stage.folder / "modem").resolve() == pathlib.Path(path), "the link leads to the terminal")
    fd = os.open(stage.folder / "modem", os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(fd)
        node = Node(fd)
        register(node)
        node.ask('AT+NSOCR="DGRAM",17,0,1')
        exchange(node, echo.port, b"one")

        def tell(line):
            lines = len(out.read_text().splitlines())
            process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            wait_for(lambda: len(out.read_text().splitlines()) > lines, 5, f"an answer to {line!r}")
            return json.loads(out.read_text().splitlines()[-1])
        check("error" in tell("dance"), "what is no command is refused")
        check(tell("busy 1") == {"done": "busy 1"}, "a command is confirmed")
        send = f'AT+NSOST=0,"127.0.0.1",{echo.port},1,"00"'
        node.ask(send, "+CME ERROR: 159\r\n")
        tell("restart-in-send 1")
        node.ask(send, "REBOOT_CAUSE_WATCHDOG\r\n\r\nu-blox\r\n\r\nOK\r\n")
        check(tell("counts")["starts"] == 2, "it started twice")
    finally:
        os.close(fd)
    check(end(process) == 0, "the modem ends well")
    check(not os.path.lexists(stage.folder / "modem"), "the link is gone with it")


def gateway_in_the_place_of_another(stage):
    echo = Echo()
    process, path, _ = start(stage, "modem", ["--baud", 0, "--socket", stage.folder / "uart", "--gateway",
                                              f"127.0.0.1:{echo.port}"])
    with socket.socket(socket.AF_UNIX) as uart:
        uart.connect(path)
        node = Node(uart.fileno())
        register(node)
        node.ask('AT+NSOCR="DGRAM",17,0,1')
        node.ask('AT+NSOST=0,"198.51.100.7",5684,2,"BEEF"')
        node.hear("+NSONMI: 0,2\r\n")
        answer = node.ask("AT+NSORF=0,512")
        check('0,"198.51.100.7",5684,2,"BEEF",0' in answer, f"it comes from the address that was named: {answer!r}")
    # A node that comes back finds the same modem.
    with socket.socket(socket.AF_UNIX) as uart:
        uart.connect(path)
        check("OK" in Node(uart.fileno()).ask("AT+NSOCL=0"), "the socket is still open")
    check(end(process) == 0, "the modem ends well")


if __name__ == "__main__":
    raise SystemExit(play(unix_socket_pacing_sleep_and_rebinding, pseudo_terminal_and_commands,
                          gateway_in_the_place_of_another))
