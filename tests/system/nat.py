# SPDX-License-Identifier: Apache-2.0
"""narrowgate-nat between nodes and the gateway, and the audit of what it recorded."""

import json
import signal
import subprocess

from harness import BUILD
from stage import check, run, tail, wait_for

NAT_BINARY = BUILD / "tests" / "sim" / "narrowgate-nat"
AUDIT_BINARY = BUILD / "tests" / "sim" / "narrowgate-nonce-audit"


class Nat:
    """The NAT's process. Options are its flags: `rebind_every=5` is `--rebind-every 5`."""

    def __init__(self, stage, gateway_address, seed=1, name="nat", **options):
        self.log = stage.folder / f"{name}.log"
        self.output = stage.folder / f"{name}.jsonl"
        self.recording = stage.folder / f"{name}.recording"
        command = [NAT_BINARY, "--listen", "127.0.0.1:0", "--gateway", gateway_address, "--seed", seed,
                   "--record", self.recording]
        for option, value in options.items():
            command += ["--" + option.replace("_", "-"), value]
        with open(self.output, "wb") as out:
            self.process = stage.start(command, self.log, stdout=out)

        def listening():
            check(self.process.poll() is None, f"the NAT ended at once:\n{tail(self.log)}")
            return self.output.read_text().split("\n")[:-1]
        self.address = json.loads(wait_for(listening, 10, "the NAT to listen")[0])["listening"]

    def rebind_all(self):
        self.process.send_signal(signal.SIGUSR1)

    def finish(self):
        """Ends it and returns what it counted; its recording is complete then."""
        check(self.process.poll() is None, f"the NAT died by itself:\n{tail(self.log)}")
        self.process.terminate()
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            status = None
        check(status == 0, f"the NAT ended with status {status}:\n{tail(self.log)}")
        return json.loads(self.output.read_text().split("\n")[-2])


def audit_nonces(recordings, min_records, min_sessions):
    """The counts of a nonce audit of these recordings as one history; a Failure when it found a nonce twice."""
    status, output = run([AUDIT_BINARY, "--min-records", min_records, "--min-sessions", min_sessions, *recordings],
                         timeout=600)
    check(status == 0, f"the nonce audit ended with status {status}:\n{output}")
    return json.loads(output.split("\n")[0])
