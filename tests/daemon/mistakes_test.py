#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every mistake of `mistakes/` gets the answer that its file asks for: the place, what is wrong and what to do, word
for word. `mistakes/README.md` says how a case is written. Named as arguments, cases are played alone and shown.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent / "mistakes"
PROGRAM = pathlib.Path(os.environ.get("NARROWGATE_BUILD") or HERE.parents[2] / "build/default") / "daemon/narrowgate"
GATEWAY_FILE = "narrowgate.toml"
NOBODY = 65534
MOST_SECONDS = 20  # a case takes some hundredths of a second; one of megabytes some tenths
MARK = "^"
PLACE = f":{MARK}:"
COUNT = re.compile(r"narrowgate: \d+ mistakes? in the configuration(; these are the first 100)?")
MOST_LINES = 100
ANY = "…"
# "FILE: WHAT; CURE" or "FILE:LINE:COLUMN: WHAT; CURE", both counted from 1.
ANSWER = re.compile(r"(warning: )?[^\s:][^:]*(:[1-9]\d*:[1-9]\d*)?: [^;]+; \S.*")


class Wrong(Exception):
    """What is wrong with a case, or with the answer to it."""


class Case:
    """One file of mistakes/."""

    def __init__(self, path):
        self.name = path.stem
        self.sections = []  # (kind, name, lines)
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            if line.startswith("=== "):
                kind, _, name = line[4:].partition(" ")
                self.sections.append((kind, name, []))
            elif self.sections:
                self.sections[-1][2].append(line)
        for _, _, lines in self.sections:
            if lines and not lines[-1]:
                lines.pop()  # the blank line before the next section
        self.marks = {}  # by file: [(line, column)]
        if "says" not in [kind for kind, _, _ in self.sections]:
            raise Wrong("there is no section \"says\"")

    def lay_out(self, folder):
        """Writes the files, and plays the commands, in a folder that holds the base."""
        for kind, name, lines in self.sections:
            if kind == "change":
                self._write(folder, name, changed((folder / name).read_text().split("\n")[:-1], lines))
            elif kind == "file":
                self._write(folder, name, lines)
            elif kind == "do":
                subprocess.run(["sh", "-e", "-c", "\n".join(lines)], cwd=folder, check=True, timeout=MOST_SECONDS)
            elif kind != "says":
                raise Wrong(f"\"{kind}\" is no section")

    def _write(self, folder, name, lines):
        marks = self.marks.setdefault(name, [])
        clean = []
        for number, line in enumerate(lines, 1):
            while (column := line.find(MARK)) >= 0:
                marks.append((number, column + 1))
                line = line[:column] + line[column + 1:]
            clean.append(line + "\n")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(clean), encoding="utf-8")

    def says(self):
        """The answer that is asked for, with places in figures."""
        marks = {name: iter(places) for name, places in self.marks.items()}
        wanted = []
        for kind, _, lines in self.sections:
            for line in lines if kind == "says" else []:
                if PLACE in line:
                    name = line.partition(PLACE)[0].removeprefix("warning: ")
                    place = next(marks.get(name, iter(())), None)
                    if place is None:
                        raise Wrong(f"{name} has no mark for: {line}")
                    line = line.replace(PLACE, f":{place[0]}:{place[1]}:", 1)
                wanted.append(line)
        left = [name for name, places in marks.items() if next(places, None)]
        if left:
            raise Wrong(f"a mark that no line of the answer has: {', '.join(left)}")
        return wanted


def changed(lines, changes):
    """The lines with each block of "-" lines replaced by the "+" lines behind it."""
    old, new = [], []
    for change in [*changes, ""]:
        if not change or (change.startswith("-") and new):
            lines = replaced(lines, old, new)
            old, new = [], []
        if change.startswith("-"):
            old.append(change[1:])
        elif change.startswith("+"):
            new.append(change[1:])
        elif change:
            raise Wrong(f"a change is neither \"-\" nor \"+\": {change}")
    return lines


def replaced(lines, old, new):
    if not old:
        return lines + new
    plain = [line.replace(MARK, "") for line in lines]
    found = [at for at in range(len(lines)) if plain[at:at + len(old)] == old]
    if len(found) != 1:
        raise Wrong(f"the base has {len(found)} times: {old}")
    return lines[:found[0]] + new + lines[found[0] + len(old):]


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, timeout=60, capture_output=True)


def make_certificates(folder):
    """What README.md lists, as openssl makes it."""
    folder.mkdir()
    (folder / "openssl.cnf").write_text(
        "[req]\ndistinguished_name=dn\n[dn]\n[root]\nbasicConstraints=critical,CA:TRUE\n[ca]\ndefault_ca=this\n"
        "[this]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ncertificate=ca.pem\nprivate_key=ca.key\n"
        "default_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n"
        "[client]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n"
        "[server]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("1000\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf"]
    openssl(folder, "req", "-x509", *new_key, "-extensions", "root", "-days", "900", "-subj", "/CN=Plant root",
            "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("gw", "other"):
        openssl(folder, "req", "-new", *new_key, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")

    def sign(certificate, request, first_day, last_day, usage="client"):
        openssl(folder, "ca", "-batch", "-notext", "-config", "openssl.cnf", "-extensions", usage, "-in", request,
                "-startdate", first_day, "-enddate", last_day, "-out", certificate)
    now = time.time()
    valid = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(now + days * 86400)) for days in (-1, 400)]
    sign("gw.crt", "gw.csr", *valid)
    sign("other.crt", "other.csr", *valid)
    sign("server.crt", "gw.csr", *valid, "server")
    sign("expired.crt", "gw.csr", "20240101000000Z", "20240601000000Z")
    sign("early.crt", "gw.csr", "20880101000000Z", "20890101000000Z")
    openssl(folder, "x509", "-in", "gw.crt", "-outform", "DER", "-out", "gw.der")
    openssl(folder, "pkey", "-in", "gw.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key")
    for path in folder.iterdir():
        path.chmod(0o600 if path.suffix == ".key" else 0o644)


def lay_out(case, folder, certificates):
    """The base and the case upon it. Root has a state directory of another user: `check` looks as its owner, whom
    permissions mean something to."""
    shutil.copytree(HERE / "base", folder)
    shutil.copytree(certificates, folder / "tls")
    (folder / "state").mkdir(mode=0o700)
    case.lay_out(folder)
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def fits(said, wanted):
    if ANY not in wanted:
        return said == wanted
    at = wanted.index(ANY)
    end = len(said) - len(wanted) + at + 1
    return at <= end <= MOST_LINES and said[:at] == wanted[:at] and said[end:] == wanted[at + 1:]


def play(case, folder, certificates):
    """Raises Wrong where the answer differs; returns the lines of it."""
    lay_out(case, folder, certificates)
    try:
        done = subprocess.run([PROGRAM, "check", "--config", GATEWAY_FILE], cwd=folder, capture_output=True,
                              timeout=MOST_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Wrong(f"took more than {MOST_SECONDS} s") from None
    said = (done.stdout + done.stderr).decode("utf-8").split("\n")[:-1]
    right = bool(said) and f"{GATEWAY_FILE} is right" in said[-1]
    if done.returncode != (0 if right else 4):
        raise Wrong("\n".join([f"exit code {done.returncode}", *said]))
    if not right and not (said and COUNT.fullmatch(said.pop())):
        raise Wrong("\n".join(["the last line does not count the mistakes", *said]))
    wanted = case.says()
    if not fits(said, wanted):
        raise Wrong("\n".join(["wanted:", *wanted, "said:", *said]))
    for line in said[:-1] if right else said:
        if not ANSWER.fullmatch(line):
            raise Wrong(f"lacks a place, a fault or a cure: {line}")
    return said


def main(wanted):
    failed = 0
    with tempfile.TemporaryDirectory(prefix="narrowgate-mistakes-") as name:
        stage = pathlib.Path(name)
        stage.chmod(0o755)
        make_certificates(stage / "tls")
        paths = sorted(HERE.glob("*.txt"))
        for number, path in enumerate(path for path in paths if not wanted or path.stem in wanted):
            try:
                said = play(Case(path), stage / str(number), stage / "tls")
                print("\n".join([f"passed  {path.stem}", *(said if wanted else [])]))
            except (Wrong, subprocess.SubprocessError, OSError, UnicodeError) as wrong:
                failed += 1
                print(f"FAILED  {path.stem}: {wrong}")
    print(f"{len(paths)} mistakes, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
