# SPDX-License-Identifier: Apache-2.0
"""P1 and P2 over the life of the package on a clean Debian under its own systemd: installed, set up by `init`, one
reading through; replaced under load without a handshake and without a datagram lost; killed; hung; started with mistakes;
removed, which keeps the state; purged, which keeps nothing.
"""

import json
import os
import re
import subprocess
import sys

from clean_root import Machine, check_means, enter_own_network
from harness import (AWS_LIMITS, BUILD, FLEET, ROOT, Broker, Nodes, Pki, Verifier, check, make_devices, must,
                     play, wait_for, write_devices)

NODES = 20
INTERVAL = 0.2  # of a node: 100 readings a second in all
# Longer than any restart here takes: what is sent again was lost, and not merely late.
PATIENCE = 20
# Readings of a node in five seconds: more than two turns of a watchdog of two.
INTERVALS_OF_WATCHDOG = 25
CONFIG = "/etc/narrowgate/narrowgate.toml"


def build_package(stage):
    """The .deb of what is built, and the same as a later version."""
    made = subprocess.run([ROOT / "scripts" / "package", "--no-symbols", "--to", stage.folder], capture_output=True,
                          text=True, timeout=420, env={**os.environ, "NARROWGATE_BUILD": str(BUILD)})
    check(made.returncode == 0, f"scripts/package failed ({made.returncode}):\n{made.stdout}{made.stderr}")
    # Which of lintian's tags are not mistakes is in packaging/debian/narrowgate.lintian-overrides.
    check(made.stderr == "", f"lintian has something to say:\n{made.stderr}")
    first, later = made.stdout.strip(), stage.folder / "later.deb"
    tree = stage.folder / "later"
    must(["dpkg-deb", "-R", first, tree])
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+later", control.read_text()))
    must(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", tree, later])
    return first, later


def install(machine, package):
    machine.put(package, "/root/package.deb", 0o644)
    return machine.do("dpkg", "--install", "/root/package.deb", timeout=120)


def is_active(machine):
    return machine.ask("systemctl", "is-active", "narrowgate")[1].strip() == "active"


def status(machine):
    return json.loads(machine.do("narrowgate", "status", "--json"))


def check_installed(machine):
    check(machine.do("systemctl", "is-enabled", "narrowgate").strip() == "enabled", "the service is not enabled")
    check(machine.show("ActiveState") == "inactive" and machine.show("ConditionResult") == "no",
          "without a configuration the service must wait, and not fail")
    machine.do("narrowgate", "--version")
    for file in ("man/man1/narrowgate.1.gz", "man/man5/narrowgate.toml.5.gz", "man/man5/narrowgate-fleet.5.gz",
                 "bash-completion/completions/narrowgate", "zsh/vendor-completions/_narrowgate",
                 "doc/narrowgate/quickstart.md", "doc/narrowgate/examples/narrowgate.toml"):
        check((machine.root / "usr/share" / file).exists(), f"the package has no {file}")
    check(machine.do("stat", "-c", "%U %a", "/var/lib/narrowgate").split() == ["narrowgate", "700"],
          "/var/lib/narrowgate is not the gateway's alone")
    sections = must(["readelf", "-SW", machine.root / "usr/bin/narrowgate"])
    check(".debug_info" not in sections and ".symtab" not in sections, "the program is not stripped")
    status, said = machine.ask("narrowgate", "status")
    check(status == 4 and CONFIG in said, f"without a configuration it should name the file:\n{said}")


def set_up(machine, pki, broker):
    """As docs/quickstart.md has it. The first device's identity and key."""
    for file in ("aws-roots.crt", "gw-1.crt", "gw-1.key"):
        machine.put(pki.folder / file, f"/root/{file}")
    told = json.loads(machine.do(
        "narrowgate", "init", "--mqtt", f"localhost:{broker.port}", "--mqtt-ca", "/root/aws-roots.crt", "--certificate",
        "/root/gw-1.crt", "--key", "/root/gw-1.key", "--name", "gw-1", "--fleet", FLEET, "--json"))
    check(told["missing"] == [], f"init misses {told['missing']}")
    check(machine.do("stat", "-c", "%U %a", "/etc/narrowgate/tls/gw-1.key", "/var/lib/narrowgate/state.key").split()
          == ["narrowgate", "600"] * 2, "keys are not the gateway's alone")
    status, said = machine.ask("narrowgate", "init", "--mqtt", "elsewhere")
    check(status == 1 and "not overwritten" in said, f"init ran twice:\n{said}")
    # Its next three commands.
    check(told["next"][1] == "systemctl enable --now narrowgate", f"init says {told['next']}")
    for command in told["next"]:
        machine.do(*command.split())
    return told["identity"], told["psk_hex"]


def one_reading(stage, machine, broker, device):
    """From one node through the gateway to the broker."""
    file = stage.folder / "first.csv"
    write_devices(file, [device])
    nodes = Nodes(stage, "127.0.0.1:5684", file, name="first", readings=1, interval=1)
    totals = nodes.wait(60)
    check(totals["acked"] == 1 and totals["handshakes"] == 1, f"the first reading was not acknowledged: {totals}")
    check(Verifier(nodes.events()).wait_until_delivered([broker], 30),
          f"the first reading is not at the broker:\n{machine.do('narrowgate', 'status')}")


def start_load(stage, machine, name):
    file = stage.folder / f"{name}.csv"
    write_devices(file, make_devices(NODES, name))
    machine.put(file, "/root/devices.csv")
    machine.do("narrowgate", "device", "import", "/root/devices.csv")
    nodes = Nodes(stage, "127.0.0.1:5684", file, interval=INTERVAL, ack_timeout=PATIENCE, report_interval=0.1, name=name)
    more_readings(nodes, NODES * 3)
    return nodes


def end_load(nodes, broker):
    """Every node has shaken hands once, and all that was acknowledged is at the broker; the last totals."""
    totals = nodes.finish()
    check(totals["handshakes"] == NODES, f"nodes had to shake hands again: {totals}")
    verifier = Verifier(nodes.events())
    delivered = verifier.wait_until_delivered([broker], 60)
    verdict = verifier.verdict(broker)
    check(delivered and verdict["lost"] == 0 and verdict["stored_twice_unexplained"] == 0,
          f"acknowledged readings are lost, or there twice: {verdict}")
    return totals


def more_readings(nodes, more):
    before = (nodes.totals() or {"acked": 0})["acked"]
    wait_for(lambda: (nodes.totals() or {"acked": 0})["acked"] >= before + more, 60, f"{more} more acknowledgements")


def upgrade(stage, machine, broker, package):
    """Over a running gateway, while nodes send: none shakes hands again, and no datagram is lost in between."""
    nodes = start_load(stage, machine, "upgrade")
    before = machine.show("MainPID")
    install(machine, package)
    wait_for(lambda: is_active(machine), 20, "the service after the upgrade")
    check(machine.show("MainPID") not in ("0", before), "the upgrade did not restart the service")
    check(machine.do("dpkg-query", "-W", "-f", "${Version}", "narrowgate").endswith("+later"), "it is no later version")
    more_readings(nodes, NODES * 3)
    totals = end_load(nodes, broker)
    check(totals["retransmissions"] == 0, f"the upgrade lost datagrams, which nodes sent again: {totals}")
    check(int(machine.show("NFileDescriptorStore")) == 1, "systemd does not keep the socket")


def crash(stage, machine, broker):
    """kill -9 while nodes send: systemd starts it again, and no node shakes hands again."""
    nodes = start_load(stage, machine, "crash")
    before = machine.show("MainPID")
    machine.do("kill", "-KILL", before)
    wait_for(lambda: machine.show("MainPID") not in ("0", before) and is_active(machine), 20, "the service after a crash")
    check(machine.show("NRestarts") == "1", "systemd did not restart it")
    more_readings(nodes, NODES * 3)
    end_load(nodes, broker)


def hang(stage, machine, broker):
    """A process that does nothing any more is ended by systemd's watchdog; to nodes that is another crash."""
    drop_in = machine.root / "etc/systemd/system/narrowgate.service.d/patience.conf"
    drop_in.parent.mkdir()
    # The unit's minute is longer than a test should take. What is stopped does not hear SIGABRT either.
    drop_in.write_text("[Service]\nWatchdogSec=2\nTimeoutAbortSec=2\n")
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "restart", "narrowgate")
    nodes = start_load(stage, machine, "hang")
    before = machine.show("MainPID")
    more_readings(nodes, NODES * INTERVALS_OF_WATCHDOG)
    check(machine.show("MainPID") == before, "the watchdog ends a process that works")
    machine.do("kill", "-STOP", before)
    wait_for(lambda: machine.show("MainPID") not in ("0", before) and is_active(machine), 30, "the service after a hang")
    check("Watchdog timeout" in machine.journal(), f"it was not the watchdog:\n{machine.journal()}")
    more_readings(nodes, NODES * 3)
    end_load(nodes, broker)
    drop_in.unlink()
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "restart", "narrowgate")


def reload_and_restart_with_mistakes(machine):
    """A file with a mistake: the one that runs goes on, a start fails once, and is not tried again."""
    file = machine.root / CONFIG.lstrip("/")
    right = file.read_text()
    restarts, running = machine.show("NRestarts"), machine.show("MainPID")
    file.write_text(right.replace("[store]", "[stroe]"))
    code, _ = machine.ask("systemctl", "reload", "narrowgate")
    check(code != 0, "a reload with a mistake did not fail")
    check(is_active(machine) and machine.show("MainPID") == running, "a reload with a mistake ended the service")
    code, _ = machine.ask("systemctl", "restart", "narrowgate")
    check(code != 0, "a start with a mistake did not fail")
    wait_for(lambda: machine.show("ActiveState") == "failed", 10, "the service to have failed")
    check(machine.show("ExecMainStatus") == "4", "a mistake in the configuration is not exit status 4")
    check(machine.show("NRestarts") in ("0", restarts), "systemd tries again what does not get better by it")
    check(f'{CONFIG}:' in machine.journal() and '"stroe"' in machine.journal(),
          f"the journal does not name the mistake:\n{machine.journal()}")
    file.write_text(right)
    machine.do("systemctl", "reload-or-restart", "narrowgate")


def journal_entries(machine, *filters):
    """What `journalctl -u narrowgate FILTER...` finds."""
    found = machine.do("journalctl", "--no-pager", "-u", "narrowgate", "-o", "json", *filters)
    return [json.loads(line) for line in found.splitlines()]


def filter_the_journal(machine):
    """An operator's look at one upstream, and at one event: docs/events.md."""
    name = status(machine)["upstreams"][0]["name"]
    connected = journal_entries(machine, f"NARROWGATE_UPSTREAM={name}", "NARROWGATE_EVENT=upstream.connected")
    check(connected, f"no connection of {name} is in the journal:\n{machine.journal()}")
    for entry in connected:
        fields = {key: entry.get(key) for key in ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_TRANSPORT")}
        check(fields == {"MESSAGE": f"upstream {name}: connected", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "narrowgate",
                         "_SYSTEMD_UNIT": "narrowgate.service", "_TRANSPORT": "journal"}, f"an entry has {fields}")
    of_it = journal_entries(machine, f"NARROWGATE_UPSTREAM={name}")
    check(all(entry["NARROWGATE_EVENT"].startswith("upstream.") for entry in of_it), "the filter finds others")
    by_id = journal_entries(machine, f"MESSAGE_ID={connected[0]['MESSAGE_ID']}")
    # It may have connected again meanwhile.
    check(by_id[:len(connected)] == connected, "its message ID does not find it")
    check(all(entry["NARROWGATE_EVENT"] == "upstream.connected" for entry in by_id), "its message ID finds others")
    # `systemctl reload` looks at the files itself, and does not come to the daemon with a mistake.
    file = machine.root / CONFIG.lstrip("/")
    right = file.read_text()
    file.write_text(right.replace("[store]", "[stroe]"))
    machine.do("kill", "-HUP", machine.show("MainPID"))
    wait_for(lambda: journal_entries(machine, "NARROWGATE_EVENT=gateway.reload_refused"), 10, "the refusal of a reload")
    file.write_text(right)
    refused = journal_entries(machine, "NARROWGATE_EVENT=gateway.reload_refused")
    check(refused and all(entry["PRIORITY"] == "3" and "NARROWGATE_UPSTREAM" not in entry for entry in refused),
          f"the refused reload is not in the journal: {refused}")
    check(journal_entries(machine, "NARROWGATE_EVENT=gateway.loaded"), "no start has told of its sessions")
    # The journal asks /proc for the unit, where a process that has ended is not found any more.
    check(journal_entries(machine, "NARROWGATE_EVENT=gateway.stopped"), "last lines are not taken for the unit's")


def seal_by_a_credential(machine):
    """The sealing key from /etc/credstore, where the state directory does not have it."""
    machine.do("systemctl", "stop", "narrowgate")
    machine.do("install", "-D", "-m", "600", "/var/lib/narrowgate/state.key", "/etc/credstore/narrowgate-state-key")
    machine.do("rm", "/var/lib/narrowgate/state.key")
    machine.do("systemctl", "start", "narrowgate")
    check("state.key" not in machine.do("ls", "/var/lib/narrowgate"), "a new sealing key was made")
    # So is the key of an upstream, by its whole path.
    machine.do("install", "-m", "600", "/etc/narrowgate/tls/gw-1.key", "/etc/credstore/gw-1.key")
    machine.do("mkdir", "-p", "/etc/systemd/system/narrowgate.service.d")
    (machine.root / "etc/systemd/system/narrowgate.service.d/key.conf").write_text(
        "[Service]\nLoadCredential=gw-1.key\n")
    file = machine.root / CONFIG.lstrip("/")
    file.write_text(file.read_text().replace('"tls/gw-1.key"', '"/run/credentials/narrowgate.service/gw-1.key"'))
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "restart", "narrowgate")
    machine.do("narrowgate", "check")


def remove_and_purge(machine, package):
    sessions = status(machine)["sessions"]
    machine.do("dpkg", "--remove", "narrowgate")
    check(machine.ask("narrowgate", "--version")[0] != 0, "the program is still there")
    check(machine.ask("systemctl", "is-active", "narrowgate")[0] != 0, "the service still runs")
    machine.do("test", "-s", "/var/lib/narrowgate/state.db")
    machine.do("test", "-s", CONFIG)
    install(machine, package)
    wait_for(lambda: is_active(machine), 20, "the service to start when its package comes again")
    wait_for(lambda: status(machine)["sessions"] == sessions, 20, "the sessions from before")
    machine.do("dpkg", "--purge", "narrowgate")
    left = [path for path in machine.find("*narrowgate*")
            if not path.startswith(("/root/", "/etc/credstore", "/etc/systemd/system/narrowgate.service.d"))]
    check(left == [], f"after a purge there still are {left}")


def package(stage):
    check_means()
    first, later = build_package(stage)
    enter_own_network()
    pki = Pki(stage.folder / "pki")
    broker = Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
    broker.start()
    with Machine(stage) as machine:
        install(machine, first)
        check_installed(machine)
        one_reading(stage, machine, broker, set_up(machine, pki, broker))
        upgrade(stage, machine, broker, later)
        crash(stage, machine, broker)
        hang(stage, machine, broker)
        reload_and_restart_with_mistakes(machine)
        filter_the_journal(machine)
        seal_by_a_credential(machine)
        remove_and_purge(machine, later)


if __name__ == "__main__":
    sys.exit(play(package))
