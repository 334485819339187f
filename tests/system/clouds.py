# SPDX-License-Identifier: Apache-2.0
"""What stands behind the brokers: the protocol translator of Pelion Edge, and the broker set up for it."""

import json
import os
import re
import signal

from harness import BUILD, RECORDER_NAME, ROOT, Broker, check, end, free_port, tail, wait_for

TRANSLATOR_BINARY = BUILD / "tests" / "sim" / "narrowgate-translator"
MOSQUITTO_FILES = ROOT / "etc" / "mosquitto"


def value_at(message, path):
    """The text of the resource "/3300/0/5700" in a message of form EdgeVal or Val; None when it has none."""
    wanted = path.strip("/").split("/")
    for part in message["payload_field"]:
        if isinstance(part, list):
            if part[6:9] == wanted:
                return part[2]
            continue
        for instance in part["objectinstances"]:
            for resource in instance["resources"]:
                if [part["objectid"], instance["objectinstance"], resource["resourceid"]] == wanted:
                    return resource["value"]
    return None


class PelionBroker(Broker):
    """A mosquitto on the very files of etc/mosquitto, of which only paths, ports and the user differ.

    Its recorder sits beside the translator, at the loopback listener.
    """

    SEQUENCE = "/3300/0/5700"  # where the harness maps the number of a simulated node's reading

    def __init__(self, stage, pki, name="pelion"):
        super().__init__(stage, pki, name, "edge-ca", "MQTTGw/#")
        self.local_port = free_port()
        text = (MOSQUITTO_FILES / "pelion-edge.conf").read_text()
        for file in ("local", "gateways"):
            acl = self.folder / f"pelion-edge.{file}.acl"
            acl.write_text((MOSQUITTO_FILES / acl.name).read_text())
            os.chmod(acl, 0o600)
            text = replaced(text, f"/etc/mosquitto/{acl.name}", acl)
        text = replaced(text, "/etc/mosquitto/certs/gateways-ca.pem", pki.certificate("clients-ca"))
        text = replaced(text, "/etc/mosquitto/certs/edge.crt", pki.certificate("pelion-broker"))
        text = replaced(text, "/etc/mosquitto/certs/edge.key", pki.key("pelion-broker"))
        text = replaced(text, "listener 1883 127.0.0.1", f"listener {self.local_port} 127.0.0.1")
        text = replaced(text, "listener 8883", f"listener {self.port} 127.0.0.1")
        user = "user root\n" if os.geteuid() == 0 else ""  # it could not read our certificates after dropping it
        self.config.write_text(user + text)

    def _record(self):
        # Its session ends with the broker: what is delivered right after a restart may be missing here.
        with open(self.delivered, "ab") as out:
            self.recorder = self.stage.start(
                ["stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", self.local_port, "-q", "1",
                 "-i", RECORDER_NAME, "-t", self.topic, "-F", "%U\t%t\t%p"],
                self.folder / "recorder.log", stdout=out)
        wait_for(lambda: b"SUBACK" in self.delivered.read_bytes(), 20, f"the subscriber of broker {self.name}")

    def messages(self):
        """Every delivery so far: (Unix time, topic, message)."""
        found = []
        for line in self.delivered.read_text(errors="replace").split("\n")[:-1]:
            fields = line.split("\t", 2)
            if len(fields) == 3:
                found.append((float(fields[0]), fields[1], json.loads(fields[2])))
        return found

    def readings(self):
        """As the other brokers' readings. There is no id in this form: the number stands for it."""
        found = []
        for when, topic, message in self.messages():
            sequence = value_at(message, self.SEQUENCE)
            if sequence is None:
                continue
            node = topic.split("/")[3]
            found.append((when, topic, {"device": node, "id": f"{node}-{sequence}",
                                        "senml": [{"n": f"{node}:seq", "v": int(sequence)}]}))
        return found


def replaced(text, old, new):
    changed, count = re.subn(rf"(?m){re.escape(old)}$", str(new), text)
    check(count == 1, f"etc/mosquitto does not have one line that ends in {old}")
    return changed


class Translator:
    """narrowgate-translator at a broker's loopback listener; options are its flags."""

    def __init__(self, stage, broker, name="translator", **options):
        self.stage, self.log = stage, stage.folder / f"{name}.log"
        self.file = stage.folder / f"{name}.json"
        self.command = [TRANSLATOR_BINARY, "--mosquitto-port", broker.local_port, "--record", self.file]
        for flag, value in options.items():
            self.command += ["--" + flag.replace("_", "-"), *([] if value is True else [value])]
        self.process = None

    def start(self):
        self.log.unlink(missing_ok=True)
        self.process = self.stage.start(self.command, self.log)
        wait_for(lambda: self.says("subscribed"), 20, f"the translator; the end of its log:\n{tail(self.log)}")
        return self

    def says(self, text):
        return text in (self.log.read_text(errors="replace") if self.log.exists() else "")

    def check_alive(self):
        check(self.process.poll() is None,
              f"the translator ended with status {self.process.returncode}:\n{tail(self.log)}")

    def kill(self):
        self.check_alive()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.check_alive()
        end(self.process)

    def record(self):
        return json.loads(self.file.read_text())

    def value(self, node, path):
        return self.record()["devices"].get(node, {}).get("values", {}).get(path)

    def sequence(self, node):
        return int(self.value(node, PelionBroker.SEQUENCE) or 0)
