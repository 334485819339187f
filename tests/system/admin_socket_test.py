# SPDX-License-Identifier: Apache-2.0
"""The sockets that an operator's tools speak to: the kernel lets in who is in their group and nobody else, and what
comes in by them, whatever it is, neither ends the daemon nor holds it up nor stays in its memory."""

import contextlib
import errno
import http.client
import json
import os
import pathlib
import random
import re
import socket
import stat
import subprocess
import sys
import threading
import time

from harness import GATEWAY_BINARY, Gateway, Pki, Skip, check, make_devices, play, run, tail, wait_for

NOWHERE = {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}
# Of nobody on this machine; no entry in passwd or group is needed for any of it.
OWNER, STRANGER, GROUP_OF_STRANGER = 61_001, 61_002, 61_003
SOCKETS = ("control.sock", "api.sock")
LET_IN = 0
# Of a whole import (daemon/control/calls.hpp); the rest is what buffers of the kernel hold.
LONGEST_CALL_BYTES = 16 << 20


def stranger_to(user=STRANGER, group=GROUP_OF_STRANGER, also=()):
    return {"user": user, "group": group, "extra_groups": list(also)}


def knock(path, user, group, extra_groups):
    """Connects as somebody else, in a process that may not come back from it: the error's number, or LET_IN."""
    child = os.fork()
    if child == 0:
        answer = 255
        try:
            os.setgroups(extra_groups)
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX) as door:
                answer = door.connect_ex(str(path))
        finally:
            os._exit(answer)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def a_gateway_of_its_own_user(stage):
    """Started by root with a state directory of OWNER, it becomes OWNER; it makes the runtime directory itself."""
    if os.geteuid() != 0:
        raise Skip("needs root to be several users")
    gateway = Gateway(stage, Pki(stage.folder / "pki"), NOWHERE)
    (gateway.folder / "run").rmdir()
    for path in [gateway.folder, *gateway.folder.rglob("*")]:
        os.chown(path, OWNER, OWNER)
    # With no mask at all: the modes are the daemon's own doing, and OWNER can tell us that it is ready.
    mask = os.umask(0)
    try:
        gateway.start()
    finally:
        os.umask(mask)
    return gateway


def modes_of(path):
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def only_the_group_is_let_in(stage):
    gateway = a_gateway_of_its_own_user(stage)
    directory = gateway.folder / "run"
    check(modes_of(directory) == (0o750, OWNER, OWNER), f"the runtime directory: {modes_of(directory)}")
    for name in SOCKETS:
        door = directory / name
        check(modes_of(door) == (0o660, OWNER, OWNER), f"{name}: {modes_of(door)}")
        for may, who in ((True, stranger_to(user=OWNER, group=OWNER)), (True, stranger_to(also=[OWNER])),
                         (True, stranger_to(group=OWNER)), (False, stranger_to()),
                         (False, stranger_to(also=[GROUP_OF_STRANGER + 1]))):
            check(knock(door, **who) == (LET_IN if may else errno.EACCES), f"{name} and {who}: {knock(door, **who)}")
    # Should somebody open the directory, the sockets are still not everybody's.
    directory.chmod(0o755)
    for name in SOCKETS:
        check(knock(directory / name, **stranger_to()) == errno.EACCES, f"{name} trusts its directory alone")
        check(knock(directory / name, **stranger_to(also=[OWNER])) == LET_IN, f"{name} refuses its group")
    directory.chmod(0o750)

    def status_as(who):
        done = subprocess.run([GATEWAY_BINARY, "status", "--config", gateway.config], cwd="/", capture_output=True,
                              text=True, timeout=30, **who)
        return done.returncode, done.stdout + done.stderr
    code, said = status_as(stranger_to(also=[OWNER]))
    check(code == 0, f"status for one of the group ({code}):\n{said}")
    code, said = status_as(stranger_to())
    check(code == 3 and "; " in said, f"status for a stranger ({code}), which needs a cure:\n{said}")
    check("no permission" in said and "group" in said, f"status does not say why:\n{said}")
    gateway.stop()


# What comes, and over which of the two.
def evil(rng):
    """(name, bytes) of one connection each."""
    megabyte = 1 << 20
    deep = b"[" * 60_000
    return [
        ("nothing", b""),
        ("random bytes", rng.randbytes(65_536)),
        ("zeros", bytes(65_536)),
        ("half a call", b'{"version":1,"call":"stat'),
        ("half a request", b"GET /v1/status HTT"),
        ("a call that there is not", b'{"version":1,"call":"no-such-call"}\n'),
        ("a call that is no object", b'[1,2,3]\n'),
        ("arguments of other kinds", b'{"version":1,"call":"status","with":[[],{}]}\n'),
        ("a number without end", b'{"version":1,"call":' + b"9" * 60_000 + b"}\n"),
        ("brackets without end", deep + b"\n"),
        ("letters that are none", b'{"version":1,"call":"\xff\xfe\xc3\x28"}\n'),
        ("calls one behind the other", b'{"version":1,"call":"status"}\n' * 2_000),
        ("requests one behind the other", b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2_000),
        ("a path out of the house", b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("the same, escaped", b"GET /%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("the same, with the other slash", b"GET /..\\..\\etc\\passwd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a device of such a name",
         b"GET /v1/devices/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("another host", b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        ("two hosts", b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"),
        ("a header of a megabyte", b"GET / HTTP/1.1\r\nX: " + b"x" * megabyte + b"\r\n\r\n"),
        ("a name of a megabyte", b"GET / HTTP/1.1\r\n" + b"x" * megabyte + b": x\r\n\r\n"),
        ("a path of a megabyte", b"GET /" + b"x" * megabyte + b" HTTP/1.1\r\n\r\n"),
        ("headers by the thousand", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n"),
        ("a body that does not come", b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nx"),
        ("a length that is none", b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        ("chunks that are none", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ("TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + rng.randbytes(189)),
    ]


def pour(path, data, seconds=20):
    """One visit; what was answered. That the other end hangs up is its right."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as visit, contextlib.suppress(OSError):
        visit.settimeout(seconds)
        visit.connect(str(path))
        try:
            visit.sendall(data)
            # Who closes this half takes back a request over HTTP; of what is half a request no answer comes.
            if not (data.startswith(b"GET") and data.endswith(b"\r\n\r\n")):
                visit.shutdown(socket.SHUT_WR)
        finally:
            while len(answer) < 1 << 20 and (more := visit.recv(65_536)):
                answer += more
    return answer


def pour_without_end(path, total):
    """Bytes that were taken of a line that does not end."""
    sent, block = 0, b"A" * 65_536
    with socket.socket(socket.AF_UNIX) as visit, contextlib.suppress(OSError):
        visit.settimeout(10)
        visit.connect(str(path))
        while sent < total:
            sent += visit.send(block)
    return sent


def pss_kib(gateway):
    text = pathlib.Path(f"/proc/{gateway.process.pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])


class ApiConnection(http.client.HTTPConnection):
    def __init__(self, path, seconds):
        super().__init__("localhost", timeout=seconds)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def api_status(gateway, seconds=20):
    connection = ApiConnection(gateway.folder / "run" / "api.sock", seconds)
    with contextlib.closing(connection):
        connection.request("GET", "/v1/status")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def control_status(gateway, seconds=20):
    with socket.socket(socket.AF_UNIX) as visit:
        visit.settimeout(seconds)
        visit.connect(str(gateway.folder / "run" / "control.sock"))
        visit.sendall(b'{"version":1,"call":"status"}\n')
        answer = b""
        while more := visit.recv(65_536):
            answer += more
    return json.loads(answer)


class Customers:
    """Who has honest business at both sockets, all the while."""

    def __init__(self, gateway):
        self.gateway, self.over, self.faults = gateway, threading.Event(), []
        self.served = {name: 0 for name in SOCKETS}
        self.longest = {name: 0.0 for name in SOCKETS}
        self.threads = [threading.Thread(target=self._come, args=(name, ask))
                        for name, ask in zip(SOCKETS, (control_status, api_status))]

    def _come(self, name, ask):
        while not self.over.is_set():
            began = time.monotonic()
            try:
                answer = ask(self.gateway)
                if "error" in str(answer)[:20]:
                    self.faults.append(f"{name}: {str(answer)[:200]}")
                self.served[name] += 1
            except (OSError, ValueError, http.client.HTTPException) as fault:
                self.faults.append(f"{name} after {time.monotonic() - began:.1f} s: {fault!r}")
            self.longest[name] = max(self.longest[name], time.monotonic() - began)
            self.over.wait(0.05)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def still_well(gateway):
    check(gateway.process.poll() is None, f"the gateway died of it:\n{tail(gateway.log)}")


def garbage_leaves_no_trace(stage):
    gateway = Gateway(stage, Pki(stage.folder / "pki"), NOWHERE)
    gateway.import_devices(make_devices(3))
    gateway.start()
    rng = random.Random(11)

    def one_round():
        for name in SOCKETS:
            for what, data in evil(rng):
                answer = pour(gateway.folder / "run" / name, data)
                still_well(gateway)
                check(b"root:" not in answer, f"{what} at {name} brought a file of the machine")
                if "house" in what and name == "api.sock":
                    check(answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), f"{what}: {answer[:80]}")

    with Customers(gateway) as customers:
        # Each thread of the pool keeps what it needed once; from then on there is nothing to add.
        for _ in range(12):
            one_round()
        before = pss_kib(gateway)
        for _ in range(15):
            one_round()
        for name in SOCKETS:
            taken = pour_without_end(gateway.folder / "run" / name, 100 << 20)
            still_well(gateway)
            print(f"{name}: {taken >> 10} KiB taken of a line of 100 MiB; PSS {pss_kib(gateway)} KiB")
            check(taken < (4 << 20) + (LONGEST_CALL_BYTES if name == "control.sock" else 0),
                  f"{name} takes {taken} bytes of a line that does not end")
    after = pss_kib(gateway)
    print(f"served meanwhile {customers.served}, longest {customers.longest}; PSS {before} -> {after} KiB")
    check(not customers.faults, f"honest callers were not served: {customers.faults[:3]}")
    check(min(customers.served.values()) >= 3, f"hardly anybody asked: {customers.served}")
    # What was freed is kept for the next who asks, 2 MiB a heap (daemon/allocator.hpp).
    check(after - before < 4096, f"garbage stays in memory: PSS {before} -> {after} KiB")
    gateway.stop()


def callers_who_say_nothing_hold_nobody_up(stage):
    gateway = Gateway(stage, Pki(stage.folder / "pki"), NOWHERE)
    gateway.start()
    before = pss_kib(gateway)
    for name, count in (("control.sock", 60), ("api.sock", 24)):
        with contextlib.ExitStack() as crowd:
            for _ in range(count):
                visit = crowd.enter_context(socket.socket(socket.AF_UNIX))
                visit.settimeout(10)
                visit.connect(str(gateway.folder / "run" / name))
                visit.sendall(b"G" if name == "api.sock" else b"{")
            began = time.monotonic()
            answer = control_status(gateway) if name == "control.sock" else api_status(gateway)[1]
            waited = time.monotonic() - began
            check("error" not in answer, f"{name}: {answer}")
            # Who stops in the middle of a call has a place at the control socket until his time is over; at the
            # API's he has none, and nobody waits for him.
            check(name == "control.sock" or waited < 3, f"{name}: answered after {waited:.1f} s")
            print(f"{name}: {count} who say nothing; the next was answered after {waited:.1f} s")
            # The other door is not theirs, and neither is the daemon.
            began = time.monotonic()
            control_status(gateway)
            check(time.monotonic() - began < 2, "the control socket waits for the API")
    still_well(gateway)
    wait_for(lambda: pss_kib(gateway) - before < 2048, 20, "the memory of those who said nothing")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(only_the_group_is_let_in, garbage_leaves_no_trace, callers_who_say_nothing_hold_nobody_up))
