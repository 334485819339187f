# SPDX-License-Identifier: Apache-2.0
"""narrowgate-link between a gateway and its broker."""

import json
import subprocess

from harness import BUILD
from stage import check, end, tail, wait_for

LINK_BINARY = BUILD / "tests" / "sim" / "narrowgate-link"


class BadLink:
    """The link's process. Options are its flags: `down_accident="stall"` is `--down-accident stall`."""

    def __init__(self, stage, target_port, name="link", seed=1, listen_port=0, **options):
        self.log = stage.folder / f"{name}.log"
        self.output = stage.folder / f"{name}.jsonl"
        command = [LINK_BINARY, "--listen", f"127.0.0.1:{listen_port}", "--target", f"127.0.0.1:{target_port}", "--seed", seed]
        command += flags_of(options)
        with open(self.output, "wb") as out:
            self.process = stage.start(command, self.log, stdout=out, stdin=subprocess.PIPE)
        address = json.loads(wait_for(self._lines, 10, f"the link {name} to listen", 0.005)[0])["listening"]
        self.port = int(address.rpartition(":")[2])

    @property
    def url(self):
        return f"mqtts://localhost:{self.port}"

    def _lines(self):
        check(self.process.poll() is None, f"the link ended:\n{tail(self.log)}")
        return self.output.read_text().split("\n")[:-1]

    def command(self, line):
        """What it answers to a line on its standard input."""
        answered = len(self._lines())
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        answer = json.loads(wait_for(lambda: self._lines()[answered:], 10, f"an answer to {line}", 0.005)[0])
        check("error" not in answer, f"the link does not obey: {answer}")
        return answer

    def set_options(self, **options):
        """In place of all that it had, for present and future connections."""
        self.command(" ".join(["options", *map(str, flags_of(options))]))

    def counts(self):
        return self.command("counts")

    def finish(self):
        """Ends it and returns what it counted."""
        self._lines()
        status = end(self.process, 10)
        check(status == 0, f"the link ended with status {status}:\n{tail(self.log)}")
        return json.loads(self.output.read_text().split("\n")[-2])


def flags_of(options):
    flags = []
    for name, value in options.items():
        flags += ["--" + name.replace("_", "-"), *([] if value is True else [value])]
    return flags
