# SPDX-License-Identifier: Apache-2.0
"""A node's image in QEMU and the simulated SARA-N2 at its serial port, for tests and benchmarks.

The image is the cross-compiled one; what QEMU's netduino2 lacks of the real board is in firmware/boards/qemu_netduino2.
"""

import json
import socket
import subprocess

from harness import AWS_LIMITS, BUILD, ROOT, Broker, Gateway, Pki, free_port, make_devices
from stage import check, end, tail, wait_for

NODE_IMAGE = BUILD / "firmware-qemu-netduino2" / "boards" / "narrowgate-node.elf"
MODEM_BINARY = BUILD / "tests" / "sim" / "narrowgate-modem"
PROVISION = ROOT / "firmware" / "tools" / "provision"
PAGE = 0x080E0000  # as firmware/tools/provision has it

IDENTITY = "node-0001"

# Times of a modem that a test need not wait for. Its line keeps to 9600 baud.
QUICK = {"boot_time": 0.2, "search_time": 0.2, "radio_on_time": 0.2, "connect_time": 0.1, "release_time": 0.1}

# RFC 5246 section 6.2.1, RFC 9146 section 4.
CHANGE_CIPHER_SPEC, HANDSHAKE, CONNECTION_ID_RECORD = 20, 22, 25
CLIENT_HELLO = 1
CID_BYTES = 6  # as etc/narrowgate.toml's default


class Modem:
    """The modem's process. Options are its flags: `wake_lost_bytes=2` is `--wake-lost-bytes 2`."""

    def __init__(self, stage, name="modem", **options):
        self.path = stage.folder / f"{name}.uart"
        self.air_log = stage.folder / f"{name}.air"
        self.output = stage.folder / f"{name}.out"
        self.log = stage.folder / f"{name}.log"
        command = [MODEM_BINARY, "--socket", self.path, "--log", self.air_log, "--log-dialogue"]
        for option, value in {**QUICK, **options}.items():
            command += ["--" + option.replace("_", "-"), *([] if value is True else [value])]
        with open(self.output, "wb") as out:
            self.process = stage.start(command, self.log, stdout=out, stdin=subprocess.PIPE)
        self._answers(1)

    def _answers(self, count):
        def have():
            check(self.process.poll() is None, f"the modem ended by itself:\n{tail(self.log)}")
            lines = self.output.read_text().split("\n")[:-1]
            return lines if len(lines) >= count else None
        return wait_for(have, 10, "the modem to answer")

    def tell(self, line):
        count = len(self.output.read_text().split("\n")[:-1])
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        answer = json.loads(self._answers(count + 1)[-1])
        check("error" not in answer, f"the modem refuses {line!r}: {answer}")
        return answer

    def entries(self):
        """What happened so far, a dictionary each."""
        if not self.air_log.exists():
            return []
        return [json.loads(line) for line in self.air_log.read_text().split("\n")[:-1]]

    def air(self):
        """The datagrams among it."""
        return [entry for entry in self.entries() if entry["what"] in ("up", "down")]

    def heard(self):
        return [entry["text"] for entry in self.entries() if entry["what"] == "heard"]


def records(entry):
    """(content type, epoch, sequence number, content) of each DTLS record of a datagram."""
    datagram, found = bytes.fromhex(entry["hex"]), []
    while datagram:
        head = 11 + (CID_BYTES if entry["what"] == "up" and datagram[0] == CONNECTION_ID_RECORD else 0)
        check(len(datagram) >= head + 2, f"not DTLS: {entry}")
        size = int.from_bytes(datagram[head:head + 2], "big")
        found.append((datagram[0], int.from_bytes(datagram[3:5], "big"), int.from_bytes(datagram[5:11], "big"),
                      datagram[head + 2:head + 2 + size]))
        datagram = datagram[head + 2 + size:]
    return found


def is_of_handshake(entry):
    return any(kind in (HANDSHAKE, CHANGE_CIPHER_SPEC) for kind, _, _, _ in records(entry))


def begins_handshake(entry):
    """Whether it is a ClientHello with message_seq 0; its repetitions are too."""
    return entry["what"] == "up" and any(
        kind == HANDSHAKE and epoch == 0 and content[0] == CLIENT_HELLO and content[4:6] == b"\0\0"
        for kind, epoch, _, content in records(entry))


def check_nonces(air):
    """P3, for the air of one session: no number of an encrypted record is there twice with another content."""
    seen = {}
    for entry in air:
        for _, epoch, number, content in records(entry):
            if epoch > 0:
                check(seen.setdefault((entry["what"], epoch, number), content) == content,
                      f"number {number} {entry['what']} was used twice")
    check(len(seen) > 4, "there was something to look at")


class World:
    """A broker, the gateway, and the devices node-0001 and so on that it knows."""

    def __init__(self, stage, devices=1):
        self.stage = stage
        self.pki = Pki(stage.folder / "pki")
        self.broker = Broker(stage, self.pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
        self.broker.start()
        # The other upstream is away, as it may be.
        self.gateway = Gateway(stage, self.pki, {"aws": self.broker.url, "pelion": f"mqtts://localhost:{free_port()}"},
                               fleet_overrides={"route.resource": '"t"', "route.topic": '"dt/{device}/{resource}"',
                                                "fleet.ack_timeout": '"2s"'})
        self.gateway.import_devices(make_devices(devices, prefix="node"))
        self.gateway.start()

    def readings(self):
        """Of the first node at the broker: number -> values by name; a number that comes with others is a failure."""
        found = {}
        for _, _, envelope in self.broker.readings():
            if envelope["device"] != IDENTITY:
                continue
            values = {}
            for record in envelope["senml"]:
                if record["n"] in values:  # the next reading of the same message
                    self._keep(found, values)
                    values = {}
                values[record["n"]] = record["v"]
            self._keep(found, values)
        return found

    @staticmethod
    def _keep(found, values):
        number = values.get("n")
        check(found.setdefault(number, values) == values, f"two readings of number {number}: {found[number]}, {values}")

    def wait_for_reading(self, number, seconds=40):
        wait_for(lambda: number in self.readings(), seconds, f"reading {number} at the broker")

    def device(self):
        status, output = self.gateway.command("device", "show", IDENTITY, "--json")
        check(status == 0, f"device show failed ({status}):\n{output}")
        return json.loads(output)


def provision(world, identity=IDENTITY, **options):
    """The file with the node's provisioning page, by the tool, from what the gateway exports."""
    status, export = world.gateway.command("device", "export", "--with-keys")
    check(status == 0, f"the devices could not be exported ({status}):\n{export}")
    page = world.stage.folder / f"{identity}.bin"
    host, port = world.gateway.address.split(":")
    command = [PROVISION, "--identity", identity, "--gateway", host, "--gateway-port", port, "--binary", "-o", page]
    for option, value in options.items():
        command += ["--" + option.replace("_", "-"), str(value)]
    done = subprocess.run(command, input=export, text=True, capture_output=True, timeout=20)
    check(done.returncode == 0, f"provision failed ({done.returncode}):\n{done.stderr}")
    return page


class EmulatedNode:
    """QEMU with an image; `arguments` are the image's, by semihosting: `no_entropy=1` is `no-entropy=1`.

    `line` is a chardev's description: what USART6, the modem's port, is connected to.
    """

    def __init__(self, stage, line, page=None, image=NODE_IMAGE, name="node", **arguments):
        self.folder = stage.folder
        self.console_log = stage.folder / f"{name}.console"
        self.log = stage.folder / f"{name}.qemu.log"
        self.console_path = stage.folder / f"{name}.console.socket"
        self.monitor_path = stage.folder / f"{name}.monitor.socket"
        semihosting = ",".join(["enable=on,target=native,arg=node",
                                *(f"arg={key.replace('_', '-')}={value}" for key, value in arguments.items())])
        command = ["qemu-system-arm", "-M", "netduino2", "-kernel", image, "-display", "none",
                   "-chardev", f"socket,id=console,path={self.console_path},server=on,wait=off,logfile={self.console_log}",
                   "-chardev", f"socket,id=line,{line}",
                   "-monitor", f"unix:{self.monitor_path},server=on,wait=off",
                   # In the order of the ports: the console is USART3, the modem USART6.
                   "-serial", "null", "-serial", "null", "-serial", "chardev:console",
                   "-serial", "null", "-serial", "null", "-serial", "chardev:line",
                   "-semihosting-config", semihosting]
        if page is not None:
            command += ["-device", f"loader,file={page},addr={PAGE:#x},force-raw=on"]
        self.process = stage.start(command, self.log)

    @classmethod
    def with_modem(cls, stage, modem, page=None, **options):
        return cls(stage, f"path={modem.path}", page, **options)

    def console(self):
        return self.console_log.read_text(errors="replace") if self.console_log.exists() else ""

    def wait_for(self, text, seconds=40, times=1):
        """Until the console has said `text` so often."""
        def said():
            check(self.process.poll() is None, f"QEMU ended by itself:\n{tail(self.log)}")
            return self.console().count(text) >= times
        try:
            wait_for(said, seconds, f"{text!r} ({times}) on the console")
        finally:
            if not said():
                print(f"the console:\n{self.console()}", flush=True)

    def _say(self, path, text, heard):
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(10)
            to.connect(str(path))
            to.sendall(text.encode())
            got = b""
            while not heard(got):
                more = to.recv(4096)
                check(more, f"{path} was closed after {got!r}")
                got += more
            return got.decode(errors="replace")

    def type(self, command, answer):
        """A line at the console; what it said up to `answer`, which it must say."""
        return self._say(self.console_path, command + "\r", lambda got: answer.encode() in got)

    def press_reset(self):
        """The reset pin: RAM stays."""
        self._say(self.monitor_path, "system_reset\n", lambda got: got.count(b"(qemu)") == 2)

    def stop(self):
        end(self.process)
