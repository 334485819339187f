# SPDX-License-Identifier: Apache-2.0
"""narrowgate-node: the firmware's own core on this machine, one or many in a process."""

import signal

from harness import BUILD, Nodes
from stage import check, tail, wait_for

NODE_BINARY = BUILD / "firmware" / "boards" / "host" / "narrowgate-node"


class LinuxNodes(Nodes):
    """Their process. Options are its flags: `interval=2` is `--interval 2`.

    A second one of the same name goes on where the first was killed: with its events, and with `state` in its
    sessions.
    """

    def __init__(self, stage, name="nodes", **options):
        self._launch(stage, name, [NODE_BINARY], options)
        wait_for(self.totals, 10, "the nodes to start")

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
