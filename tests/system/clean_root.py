# SPDX-License-Identifier: Apache-2.0
"""A clean Debian with systemd as its first process, in namespaces of its own: as near to a machine as a test can come.

It has the network of whoever starts it. The tree is .deps/package-root.tar, which `scripts/setup package` makes.
"""

import ctypes
import os
import pathlib
import secrets
import shutil
import signal

from stage import Skip, check, must, run, tail, wait_for

TREE = pathlib.Path(__file__).resolve().parents[2] / ".deps" / "package-root.tar"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNET = 0x40000000  # unshare(2)

# /dev has what a service may use. cgroups are of the second version without controllers: systemd needs no more to
# know which process belongs to which service.
BOOT = r"""
set -e
cd "$1"
mount --make-rprivate /
mount --bind . .
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mount -t tmpfs -o mode=755 tmpfs run
# Not chroot alone: a service's sandbox is mounts, made from the root of all.
pivot_root . .
umount -l .
# As on a machine: what systemd mounts beside the services, credentials for one, is seen by them.
mount --make-rshared /
exec env -i PATH="$2" container=narrowgate /lib/systemd/systemd --system --show-status=no
"""
# Terminals and chores of a real machine.
UNWANTED = ("getty.target", "e2scrub_reap.service", "systemd-firstboot.service", "systemd-sysctl.service")


def check_means():
    """A Skip says who may not run the test at all, a Failure what is missing for it."""
    if os.geteuid() != 0:
        raise Skip("the package is tried by root alone, who may make namespaces: run ctest as root")
    for tool in ("unshare", "nsenter", "pivot_root", "dpkg-deb", "ip"):
        check(shutil.which(tool), f"{tool} is missing: scripts/setup base installs it")
    check(TREE.exists(), f"{TREE} is missing: scripts/setup package makes it (one to four minutes, once)")
    status, said = run(["unshare", "--net", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "true"])
    if status != 0:
        raise Skip(f"this machine lets root make no namespaces: {said.strip()}")


def enter_own_network():
    """From here on this process and what it starts have a network of their own: loopback, and all of its ports."""
    check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0,
          f"no network of its own: {os.strerror(ctypes.get_errno())}")
    must(["ip", "link", "set", "lo", "up"])


class Machine:
    """Use it with `with`: everything in it ends with its first process."""

    def __init__(self, stage):
        self.stage, self.log = stage, stage.folder / "console.log"
        self.root = stage.folder / "root"
        self.first = None

    def __enter__(self):
        self.root.mkdir()
        must(["tar", "-C", self.root, "-xf", TREE], timeout=120)
        (self.root / "etc/machine-id").write_text(secrets.token_hex(16) + "\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        for unit in UNWANTED:
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        self.process = self.stage.start(
            ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child",
             "bash", "-c", BOOT, "boot", self.root, PATH], self.log)
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")

        def booted():
            check(self.process.poll() is None, f"systemd did not start as the first process:\n{tail(self.log)}")
            self.first = children.read_text().strip()
            if not self.first:
                return False
            _, state = self.ask("systemctl", "is-system-running")
            return state.strip() in ("running", "degraded")
        wait_for(booted, 60, f"systemd to have started all units; the end of its console:\n{tail(self.log)}", 0.2)
        return self

    def __exit__(self, *_):
        if self.first and self.process.poll() is None:
            os.kill(int(self.first), signal.SIGKILL)
            self.process.wait()

    def ask(self, *command, **options):
        """Runs a command in it; (exit status, output)."""
        return run(["nsenter", "--target", self.first, "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--root", "--wd",
                    "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *command],
                   **options)

    def do(self, *command, **options):
        """Runs a command that must succeed; its output."""
        status, output = self.ask(*command, **options)
        check(status == 0, f"{' '.join(map(str, command))} failed ({status}):\n{output}\n{self.journal()}")
        return output

    def show(self, key, unit="narrowgate"):
        return self.do("systemctl", "show", unit, "--property", key, "--value").strip()

    def journal(self, lines=15):
        return self.ask("journalctl", "--no-pager", "-n", lines, "-u", "narrowgate", "-o", "cat")[1]

    def put(self, file, where, mode=0o600):
        target = self.root / where.lstrip("/")
        shutil.copy(file, target)
        os.chmod(target, mode)

    def find(self, name):
        """Paths of this name that are on its disk."""
        found = must(["find", self.root, "-xdev", "-name", name])
        return sorted(line.removeprefix(str(self.root)) for line in found.splitlines())
