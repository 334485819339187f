# SPDX-License-Identifier: Apache-2.0
"""narrowgate-node: the firmware's own core on this machine, one or many in a process."""

import json
import signal
import subprocess

from harness import BUILD
from stage import Failure, check, tail, wait_for

NODE_BINARY = BUILD / "firmware" / "boards" / "host" / "narrowgate-node"


class LinuxNodes:
    """The nodes' process. Options are its flags: `interval=2` is `--interval 2`.

    A second one of the same name goes on where the first was killed: with its events, and with `state` in its
    sessions.
    """

    def __init__(self, stage, name="nodes", **options):
        self.log = stage.folder / f"{name}.log"
        self.output = stage.folder / f"{name}.jsonl"
        self.events_file = stage.folder / f"{name}.events"
        command = [NODE_BINARY, "--events", self.events_file]
        for flag, value in options.items():
            command += ["--" + flag.replace("_", "-"), *([] if value is True else [value])]
        with open(self.output, "wb") as out:
            self.process = stage.start(command, self.log, stdout=out)
        wait_for(self.totals, 10, "the nodes to start")

    def lines(self):
        return self.output.read_text().split("\n")[:-1]

    def totals(self):
        """The latest line of totals; None before the first."""
        lines = self.lines()
        if not lines:
            check(self.process.poll() is None, f"the nodes ended at once:\n{tail(self.log)}")
            return None
        return json.loads(lines[-1])

    def ask(self):
        """The totals of this moment."""
        before = len(self.lines())
        check(self.process.poll() is None, f"the nodes ended by themselves:\n{tail(self.log)}")
        self.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: len(self.lines()) > before, 5, "the nodes' totals", every=0.01)
        return self.totals()

    def kill(self):
        """kill -9: nothing of it runs after the signal."""
        check(self.process.poll() is None, f"the nodes ended by themselves:\n{tail(self.log)}")
        self.process.kill()
        self.process.wait()

    def finish(self, seconds=60):
        """No new readings; waits until those there are have been acknowledged, and returns the last totals."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"nodes still waited for acknowledgements after {seconds} s: {self.totals()}") from None
        totals = self.totals()
        check(totals is not None and totals["final"], f"the nodes ended early:\n{tail(self.log)}")
        return totals

    def events(self):
        return [json.loads(line) for line in self.events_file.read_text().split("\n")[:-1]]
