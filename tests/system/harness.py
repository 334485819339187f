# SPDX-License-Identifier: Apache-2.0
"""The pieces that the demo, the system tests and the benchmarks are put together from.

Everything is real: the gateway's binary, mosquitto with mutual TLS, UDP on loopback.
"""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from stage import (Failure, Skip, Stage, check, end, free_port, must, play, run, tail,  # noqa: F401
                   wait_for)

ROOT = pathlib.Path(__file__).resolve().parents[2]
# As scripts/build chooses it.
BUILD = pathlib.Path(os.environ.get("NARROWGATE_BUILD")
                     or ROOT / "build" / (os.environ.get("NARROWGATE_PRESET") or "default"))
GATEWAY_BINARY = BUILD / "daemon" / "narrowgate"
NODES_BINARY = BUILD / "tests" / "sim" / "narrowgate-sim-nodes"

GATEWAY_NAME = "gw-1"      # as etc/narrowgate.toml has it
RECORDER_NAME = "recorder"
FLEET = "water-meters"     # as etc/fleets.d has it
# The number of a simulated node's reading, where the form of Pelion has no id.
NUMBER_OF_READING = """
[[map]]
name = "seq"
object = 3300
instance = 0
resource = 5700
"""


class Pki:
    """A throw-away authority for each broker, one for their clients, and the certificates they sign."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for authority in ("aws-roots", "edge-ca", "clients-ca", "stranger-ca"):
            self._authority(authority)
        self._leaf("aws-broker", "aws-roots", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self._leaf("pelion-broker", "edge-ca", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        for client in (GATEWAY_NAME, RECORDER_NAME):
            self._leaf(client, "clients-ca", client, "extendedKeyUsage=clientAuth")
        # A certificate for the gateway that no broker trusts.
        self._leaf("stranger", "stranger-ca", GATEWAY_NAME, "extendedKeyUsage=clientAuth")

    def certificate(self, name):
        return self.folder / f"{name}.crt"

    def key(self, name):
        return self.folder / f"{name}.key"

    def _request(self, name, subject):
        must(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-subj", f"/CN={subject}", "-keyout", self.key(name), "-out", self.folder / f"{name}.csr"])
        os.chmod(self.key(name), 0o600)

    def _authority(self, name):
        must(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-days", "90", "-subj", f"/CN=throw-away {name}", "-keyout", self.key(name),
              "-out", self.certificate(name)])

    def _leaf(self, name, authority, subject, extension):
        self._request(name, subject)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"basicConstraints=CA:FALSE\n{extension}\n")
        must(["openssl", "x509", "-req", "-days", "90", "-in", self.folder / f"{name}.csr", "-CA",
              self.certificate(authority), "-CAkey", self.key(authority), "-CAcreateserial", "-extfile", extensions,
              "-out", self.certificate(name)])


# The limits of AWS IoT Core that mosquitto can set: QoS at most 1, payloads of at most 128 KB, at most 100
# publishes in flight.
AWS_LIMITS = ("max_qos 1", "message_size_limit 131072", "max_inflight_messages 100")


class Broker:
    """A mosquitto with mutual TLS, and a subscriber (`Recorder`) that writes down all it delivers."""

    def __init__(self, stage, pki, name, authority, topic, limits=(), prefix=()):
        self.prefix = list(prefix)
        self.stage, self.pki, self.name, self.authority, self.topic = stage, pki, name, authority, topic
        self.folder = stage.folder / f"broker-{name}"
        self.folder.mkdir()
        self.port = free_port()
        self.log = self.folder / "mosquitto.log"
        self.delivered = self.folder / "delivered"
        acl = self.folder / "acl"
        acl.write_text(f"user {GATEWAY_NAME}\ntopic write {topic}\n\nuser {RECORDER_NAME}\ntopic read {topic}\n")
        os.chmod(acl, 0o600)
        # mosquitto drops root before it reads its certificates: it must stay root to read ours.
        user = ["user root"] if os.geteuid() == 0 else []
        self.config = self.folder / "mosquitto.conf"
        self.config.write_text("\n".join([
            *user,
            f"listener {self.port} 127.0.0.1",
            f"cafile {pki.certificate('clients-ca')}",
            f"certfile {pki.certificate(name + '-broker')}",
            f"keyfile {pki.key(name + '-broker')}",
            "require_certificate true",
            "use_identity_as_username true",
            "allow_anonymous false",
            f"acl_file {acl}",
            "max_queued_messages 0",
            "persistence true",
            f"persistence_location {self.folder}/",
            *limits,
        ]) + "\n")
        self.process = self.recorder = None

    @property
    def url(self):
        return f"mqtts://localhost:{self.port}"

    def start(self):
        self.process = self.stage.start([*self.prefix, "mosquitto", "-c", self.config], self.log)

        def accepts():
            check(self.process.poll() is None, f"broker {self.name} did not start:\n{tail(self.log)}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(accepts, 20, f"broker {self.name} to listen")
        if self.recorder is None:
            self._record()

    def _record(self):
        # Line buffered, and with a session that the broker keeps: nothing is missed while the broker is down.
        with open(self.delivered, "wb") as out:
            self.recorder = self.stage.start(
                ["stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "localhost", "-p", self.port, "-q", "1",
                 "-i", RECORDER_NAME, "-c", "-t", self.topic, "-F", "%U\t%t\t%p",
                 "--cafile", self.pki.certificate(self.authority),
                 "--cert", self.pki.certificate(RECORDER_NAME), "--key", self.pki.key(RECORDER_NAME)],
                self.folder / "recorder.log", stdout=out)
        wait_for(lambda: b"SUBACK" in self.delivered.read_bytes(), 20, f"the subscriber of broker {self.name}")

    def stop(self):
        end(self.process)

    def readings(self):
        """Every delivery so far: (Unix time, topic, envelope), redeliveries included."""
        found = []
        for line in self.delivered.read_text(errors="replace").split("\n")[:-1]:
            fields = line.split("\t", 2)
            if len(fields) == 3:  # else it is mosquitto_sub's own account of what it does
                found += [(float(fields[0]), fields[1], envelope) for envelope in envelopes(json.loads(fields[2]))]
        return found


def envelopes(message):
    """A message's readings as the envelopes that each would have had alone; a batch is taken apart."""
    if "batch" not in message:
        return [message]
    found = []
    for number, device, _, _, content in message["rows"]:
        senml = []
        for series, value, *_ in content if isinstance(content, list) else []:
            kind = message["series"][series].get("k", "v")
            senml.append({"n": message["series"][series]["n"].replace("{device}", device), kind: value})
        found.append({"id": number if isinstance(number, str) else f"{message['store']}-{number}",
                      "device": device, "senml": senml})
    return found


class CoapClient:
    """Debian's libcoap clients, on OpenSSL or GnuTLS: DTLS and CoAP that are not ours. Keys are text."""

    def __init__(self, stack, address, identity, key_text):
        self.command = [f"coap-client-{stack}", "-u", identity, "-k", key_text]
        self.url = f"coaps://{address}"

    def ask(self, method, path, payload=None, content_format=None, seconds=10, more=()):
        """One request; what the client printed: the answer's payload, or its code and diagnostic payload."""
        command = [*self.command, "-v", "4", "-B", seconds, "-m", method, *more]
        if content_format is not None:
            command += ["-t", content_format]
        options = {}
        if payload is not None:
            file = tempfile.TemporaryFile()
            file.write(payload)
            file.seek(0)
            command += ["-f", "-"]
            options["stdin"] = file
        return run([*command, f"{self.url}/{path}"], timeout=seconds + 20, **options)[1]


class Gateway:
    """The gateway's own binary on the files of etc/, of which only paths, ports and `overrides` differ.

    `overrides` maps "section.key" to a TOML value in text; an [[upstream]]'s section is its name. Both
    upstreams get a message a reading in an envelope, unless each is to have its cloud's `own_forms`.
    """

    def __init__(self, stage, pki, upstreams, overrides=None, name="gateway", port=None, prefix=(),
                 fleet_overrides=None, own_forms=False):
        self.stage, self.prefix = stage, list(prefix)
        self.folder = stage.folder / name
        self.folder.mkdir()
        self.port = port or free_port(socket.SOCK_DGRAM)
        self.log = self.folder / "gateway.log"
        self.config = self.folder / "narrowgate.toml"
        (self.folder / "tls").mkdir()
        for file in ("aws-roots.crt", "edge-ca.crt", "gw-1.crt", "gw-1.key", "stranger.crt", "stranger.key"):
            target = self.folder / "tls" / (file if not file.endswith(("roots.crt", "ca.crt"))
                                            else file.replace(".crt", ".pem"))
            shutil.copy(pki.folder / file, target)
            os.chmod(target, 0o600)
        values = {
            "gateway.state_directory": quote(self.folder / "state"),
            "gateway.runtime_directory": quote(self.folder / "run"),
            "dtls.listen": f'["127.0.0.1:{self.port}"]',
        }
        if not own_forms:
            values |= {"aws.batch_size": '"0B"', "pelion.profile": '"mqtt"'}
        (self.folder / "run").mkdir()
        (self.folder / "state").mkdir(mode=0o700)
        for upstream, url in upstreams.items():
            values[f"{upstream}.url"] = quote(url)
        values.update(overrides or {})
        self.config.write_text(with_values((ROOT / "etc" / "narrowgate.toml").read_text(), values))
        (self.folder / "fleets.d").mkdir()
        for fleet in sorted((ROOT / "etc" / "fleets.d").glob("*.toml")):
            text = fleet.read_text()
            if own_forms:
                text += NUMBER_OF_READING
            else:
                text = re.sub(r'(?m)^upstream = "pelion".*$',
                              'upstream = "pelion"\ntopic = "nbiot/{device}/{resource}"', text)
            (self.folder / "fleets.d" / fleet.name).write_text(with_values(text, fleet_overrides or {}))
        self.process = None
        self.kills = 0

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def command(self, *arguments, **options):
        """Runs one of the gateway's commands on this configuration; (exit status, output)."""
        return run([*self.prefix, GATEWAY_BINARY, *arguments, "--config", self.config], **options)

    def import_devices(self, devices):
        """Gives the gateway the devices: pairs of identity and key. Returns the file that names them."""
        file = self.folder / "devices.csv"
        write_devices(file, devices)
        status, output = self.command("device", "import", file)
        check(status == 0, f"the devices could not be imported ({status}):\n{output}")
        return file

    def start(self, seconds=30):
        """Starts the gateway and returns when it has told its service manager that it is ready."""
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            ready.settimeout(0.1)
            self.process = self.stage.start([*self.prefix, GATEWAY_BINARY, "run", "--config", self.config], self.log,
                                            env={**os.environ, "NOTIFY_SOCKET": str(notify)})

            def told():
                if self.process.poll() is not None:
                    raise Failure(f"the gateway ended with status {self.process.returncode}:\n{tail(self.log)}")
                try:
                    return b"READY=1" in ready.recv(4096).splitlines()
                except TimeoutError:
                    return False
            wait_for(told, seconds, f"the gateway to be ready; the end of its log:\n{tail(self.log)}")

    def run_until_it_fails(self, seconds=20):
        """Starts the gateway where it must refuse; returns (exit status, what it said)."""
        return run([*self.prefix, GATEWAY_BINARY, "run", "--config", self.config], timeout=seconds)

    def kill(self):
        """kill -9: nothing of it runs after the signal."""
        check(self.process.poll() is None, f"the gateway died by itself:\n{tail(self.log)}")
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def stop(self):
        """SIGTERM; the exit status must be 0, within the 10 s that it promises."""
        began = time.monotonic()
        check(self.process.poll() is None, f"the gateway died by itself:\n{tail(self.log)}")
        status = end(self.process, 15)
        check(status == 0, f"the gateway stopped with status {status}:\n{tail(self.log)}")
        check(time.monotonic() - began < 12, "the gateway took more than 10 s to stop")

    def status(self):
        code, output = self.command("status", "--json")
        check(code == 0, f"narrowgate status failed ({code}):\n{output}")
        return json.loads(output)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def quote(value):
    return json.dumps(str(value))


def with_values(toml, values):
    """The TOML text with the values of `values` ("section.key") in place of its own, or added."""
    lines = toml.splitlines()
    sections = []  # (first line, one past the last, name)
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    for n, start in enumerate(starts):
        stop = starts[n + 1] if n + 1 < len(starts) else len(lines)
        name = lines[start].strip().strip("[]").split("]")[0].strip()
        if name == "upstream":
            name = next(m[1] for m in map(re.compile(r'name\s*=\s*"([^"]+)"').match, lines[start:stop]) if m)
        sections.append((start, stop, name))
    added = {}
    for path, value in values.items():
        section, _, key = path.rpartition(".")
        start, stop = next(((a, b) for a, b, name in sections if name == section), (None, None))
        check(start is not None, f"the file in etc/ has no section {section}")
        for n in range(start + 1, stop):
            if re.match(rf"{re.escape(key)}\s*=", lines[n]):
                lines[n] = f"{key} = {value}"
                break
        else:
            added.setdefault(start, []).append(f"{key} = {value}")
    for start in sorted(added, reverse=True):
        lines[start + 1:start + 1] = added[start]
    return "\n".join(lines) + "\n"


def make_devices(count, prefix="wm"):
    return [(f"{prefix}-{n:04d}", secrets.token_hex(16)) for n in range(1, count + 1)]


def write_devices(path, devices):
    path.write_text("identity,fleet,psk_hex\n" + "".join(f"{name},{FLEET},{psk}\n" for name, psk in devices))
    os.chmod(path, 0o600)


class Nodes:
    """The simulated nodes' process. Options are its flags: `interval=2` is `--interval 2`, `reconnect=True` is `--reconnect`."""

    def __init__(self, stage, gateway_address, identities_file, seed=1, name="nodes", **options):
        self._launch(stage, name, [NODES_BINARY, "--gateway", gateway_address, "--identities-file", identities_file,
                                   "--seed", seed], options)

    def _launch(self, stage, name, command, options):
        self.log = stage.folder / f"{name}.log"
        self.output = stage.folder / f"{name}.jsonl"
        self.events_file = stage.folder / f"{name}.events"
        command = [*command, "--events", self.events_file]
        for flag, value in options.items():
            command += ["--" + flag.replace("_", "-"), *([] if value is True else [value])]
        with open(self.output, "wb") as out:
            self.process = stage.start(command, self.log, stdout=out)

    def lines(self):
        return self.output.read_text().split("\n")[:-1]

    def totals(self):
        """The latest line of totals; None before the first."""
        lines = self.lines()
        if not lines:
            check(self.process.poll() is None, f"the nodes ended at once:\n{tail(self.log)}")
            return None
        return json.loads(lines[-1])

    def finish(self, seconds=120):
        """No new readings; waits until those sent are acknowledged, and returns the last totals."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"nodes still waited for acknowledgements after {seconds} s: {self.totals()}") from None
        totals = self.totals()
        check(totals is not None and totals["final"], f"the nodes ended early:\n{tail(self.log)}")
        return totals

    def events(self):
        return [json.loads(line) for line in self.events_file.read_text().split("\n")[:-1]]


class Verifier:
    """Compares what nodes were told with what brokers delivered, reading by reading."""

    def __init__(self, events):
        self.sent = {key(e) for e in events if e["event"] in ("sent", "measured")}
        self.acked = {key(e) for e in events if e["event"] == "acked"}
        # Sent again as a new exchange after no answer came: only these may be stored twice.
        self.given_up = {key(e) for e in events if e["event"] == "given-up"}

    def missing(self, broker):
        return self.acked - {reading_key(envelope) for _, _, envelope in broker.readings()}

    def wait_until_delivered(self, brokers, seconds):
        """True as soon as every acknowledged reading is at every broker."""
        try:
            wait_for(lambda: not any(self.missing(broker) for broker in brokers), seconds, "the brokers", 0.3)
            return True
        except Failure:
            return False

    def verdict(self, broker):
        """What one broker was given: counts of readings and of copies."""
        ids = {}
        deliveries = broker.readings()
        for _, _, envelope in deliveries:
            ids.setdefault(reading_key(envelope), []).append(envelope["id"])
        return {
            "delivered": len(ids),
            "lost": len(self.acked - ids.keys()),
            "redelivered": sum(len(found) - len(set(found)) for found in ids.values()),
            "stored_twice": sum(len(set(found)) > 1 for found in ids.values()),
            "stored_twice_unexplained": sum(len(set(found)) > 1 and reading not in self.given_up
                                            for reading, found in ids.items()),
            "never_sent": len(ids.keys() - self.sent),
            "ids_reused": len({i for found in ids.values() for i in found})
            != sum(len(set(found)) for found in ids.values()),
        }


def key(event):
    return event["device"], event["seq"]


def reading_key(envelope):
    """(device, number of the reading) of an envelope of a simulated node, or of one on Linux."""
    numbers = [record["v"] for record in envelope["senml"] if record["n"].split(":")[-1] == "seq"]
    check(len(numbers) == 1, f"an envelope without its number: {envelope}")
    return envelope["device"], int(numbers[0])
