# SPDX-License-Identifier: Apache-2.0
"""narrowgate-aws, the broker that treats a gateway as AWS IoT Core does, as system tests and benchmarks use it."""

import base64
import gzip
import json
import subprocess

from harness import BUILD, check, end, free_port, tail, wait_for

AWS_BINARY = BUILD / "tests" / "sim" / "narrowgate-aws"
SEEDER_BINARY = BUILD / "tests" / "bench" / "narrowgate-backlog-seeder"


class Aws:
    """One broker. Options are its flags: `round_trip=0.6` is `--round-trip 0.6`, `silent=True` is `--silent`."""

    def __init__(self, stage, pki, name="aws", authority="aws", port=None, **options):
        self.stage, self.name = stage, name
        self.port = port or free_port()
        self.log = stage.folder / f"{name}.broker.log"
        self.output = stage.folder / f"{name}.broker.jsonl"
        self.record = stage.folder / f"{name}.record"
        self.command = [AWS_BINARY, "--listen", f"127.0.0.1:{self.port}", "--record", self.record,
                        "--certificate", pki.certificate(f"{authority}-broker"),
                        "--key", pki.key(f"{authority}-broker"), "--client-ca", pki.certificate("clients-ca")]
        for option, value in options.items():
            self.command += ["--" + option.replace("_", "-"), *([] if value is True else [value])]
        self.process = None
        self._read = 0
        self._lines = []

    @property
    def url(self):
        return f"mqtts://localhost:{self.port}"

    def start(self):
        with open(self.output, "wb") as out:
            self.process = self.stage.start(self.command, self.log, stdout=out, stdin=subprocess.PIPE)
        wait_for(lambda: self._printed(), 20, f"broker {self.name} to listen; its log:\n{tail(self.log)}")

    def _printed(self):
        check(self.process.poll() is None, f"broker {self.name} ended by itself:\n{tail(self.log)}")
        return [json.loads(line) for line in self.output.read_text().split("\n")[:-1]]

    def tell(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def counts(self):
        before = len(self._printed())
        self.tell("counts")
        return wait_for(lambda: self._printed()[before:], 10, f"the counts of broker {self.name}")[-1]

    def stop(self):
        """Ends it; the counts that it prints then."""
        end(self.process)
        return json.loads(self.output.read_text().split("\n")[-2])

    def _recorded(self):
        """Every whole line of the record so far; what was read once is not read again."""
        if self.record.exists():
            with open(self.record, "rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new.rfind(b"\n") + 1
            self._read += whole
            self._lines += [json.loads(line) for line in new[:whole].splitlines()]
        return self._lines

    def publishes(self):
        return [line for line in self._recorded() if "n" in line]

    def unanswered(self):
        """Numbers of the publishes that were taken and whose PUBACK did not leave."""
        return {n for line in self._recorded() for n in line.get("unanswered", ())}

    def readings(self):
        """Every reading taken so far, redeliveries included: dicts of at, n (its publish), id, device, received."""
        found = []
        for publish in self.publishes():
            found += [{"at": publish["at"], "n": publish["n"], **row} for row in unpack(content_of(publish))]
        return found


def content_of(publish):
    """The JSON of a publish, which its content type says to be compressed or not."""
    content_type = publish["content_type"]
    if content_type == "application/json+gzip":
        return json.loads(gzip.decompress(base64.b64decode(publish["payload_base64"])))
    check(content_type == "application/json", f"a payload of an unknown type: {content_type}")
    return json.loads(publish["payload"])


def unpack(message):
    """The readings of a batch, or of an envelope: dicts of id, device, received (Unix time) and seq."""
    if "batch" not in message:
        seq = [r["v"] for r in message["senml"] if r["n"].endswith(":seq")]
        return [{"id": message["id"], "device": message["device"], "received": None, "seq": int(seq[0])}]
    series = [entry["n"] for entry in message["series"]]
    rows = []
    for number, device, received, _, content in message["rows"]:
        seq = [record[1] for record in content if series[record[0]].endswith(":seq")]
        rows.append({"id": number if isinstance(number, str) else f"{message['store']}-{number}", "device": device,
                     "received": message["from"] + received, "seq": int(seq[0])})
    return rows


def duplicates_of(readings, unanswered):
    """(readings taken more than once, those of them that had been answered before, readings under two ids)."""
    copies, ids = {}, {}
    for reading in readings:
        copies.setdefault(reading["id"], []).append(reading["n"])
        ids.setdefault((reading["device"], reading["seq"]), set()).add(reading["id"])
    twice = {key: publishes for key, publishes in copies.items() if len(publishes) > 1}
    unexplained = [key for key, publishes in twice.items() if not all(n in unanswered for n in publishes[:-1])]
    return twice, unexplained, [key for key, found in ids.items() if len(found) > 1]
