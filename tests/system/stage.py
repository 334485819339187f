# SPDX-License-Identifier: Apache-2.0
"""Where the demo, the system tests and the benchmarks play: a temporary folder and the processes in it.

A `Stage` ends every process that it started, by its pid, and removes its folder when it is left.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    """What a person reads when the demo or a test ends badly."""


class Skip(Exception):
    """Why a scene cannot be played on this machine."""


def check(holds, what):
    if not holds:
        raise Failure(what)


def wait_for(condition, seconds, what, every=0.05):
    """Polls until `condition()` is true and returns its value; a Failure that names `what` otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(path, lines=15):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(nothing was written)"


class Stage:
    """One temporary folder and the processes that play in it; leave it with `with`."""

    def __init__(self, name, keep=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"narrowgate-{name}-"))
        os.chmod(self.folder, 0o755)
        self.keep = keep
        self.processes = []

    def __enter__(self):
        # SIGTERM, and a terminal that is closed, leave as Ctrl-C does: through __exit__.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            end(process)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command, log, **options):
        """Starts a process whose output goes to the file `log` (both streams unless `stdout` is given)."""
        with open(log, "ab") as out:
            options.setdefault("stdout", out)
            options.setdefault("stdin", subprocess.DEVNULL)
            process = subprocess.Popen([str(part) for part in command], stderr=out,
                                       **options)
        self.processes.append(process)
        return process


def end(process, seconds=10):
    """SIGTERM, then SIGKILL; returns the exit status. Does nothing to a process that has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def run(command, **options):
    """Runs a command to its end and returns (exit status, output of both streams)."""
    options.setdefault("timeout", 60)
    done = subprocess.run([str(part) for part in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    return done.returncode, done.stdout


def must(command, **options):
    status, output = run(command, **options)
    check(status == 0, f"{' '.join(str(part) for part in command)} failed ({status}):\n{output}")
    return output


def play(*scenes):
    """Plays each scene on a stage of its own, or only those named as arguments; the program's exit status."""
    wanted = sys.argv[1:]
    failed = 0
    for scene in scenes:
        name = scene.__name__
        if wanted and name not in wanted:
            continue
        began = time.monotonic()
        try:
            with Stage(name.replace("_", "-"), keep=bool(os.environ.get("NARROWGATE_KEEP"))) as stage:
                scene(stage)
            print(f"passed  {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Skip as skip:
            print(f"skipped {name}: {skip}", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAILED  {name}: {failure}", flush=True)
    return 1 if failed else 0
