# SPDX-License-Identifier: Apache-2.0
"""What an operator does with a gateway: runs it under a service manager, reloads it, gives and takes devices, asks
how it is. With a daemon that runs, and with none."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import sys
import time

from harness import (AWS_LIMITS, FLEET, GATEWAY_BINARY, GATEWAY_NAME, RECORDER_NAME, Broker, Failure, Gateway, Nodes,
                     Pki, Skip, Verifier, check, make_devices, play, tail, wait_for, write_devices)

NOWHERE = {"aws": "mqtts://localhost:1", "pelion": "mqtts://localhost:2"}
FAST = {"dtls.handshake_timeout": '{ min = "1s", max = "8s" }'}
FAST_NODES = {"ack_timeout": 1, "handshake_timeout_min": 1, "handshake_timeout_max": 8}
RENEWED_NAME = "gw-1-renewed"  # of the gateway's next certificate

OK, FAILED, USAGE, NOT_RUNNING, CONFIGURATION = range(5)


class ServiceManager:
    """Listens where systemd would."""

    def __init__(self, stage):
        self.path = stage.folder / "service-manager"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        os.chmod(self.path, 0o666)
        self.socket.setblocking(False)
        self.said = []

    def start(self, gateway, watchdog_us=None):
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.path)}
        if watchdog_us:
            environment["WATCHDOG_USEC"] = str(watchdog_us)
        mark = self.mark()
        gateway.process = gateway.stage.start([*gateway.prefix, GATEWAY_BINARY, "run", "--config", gateway.config],
                                              gateway.log, env=environment)
        self.wait_for("READY=1", mark, gateway)

    def mark(self):
        return len(self.heard())

    def heard(self):
        while True:
            try:
                self.said += self.socket.recv(8192).decode().splitlines()
            except BlockingIOError:
                return self.said

    def wait_for(self, pattern, mark=0, gateway=None, seconds=20):
        """The first line since `mark` that matches; its place in all that was said."""
        def found():
            if gateway is not None and gateway.process.poll() is not None:
                raise Failure(f"the gateway ended with {gateway.process.returncode}:\n{tail(gateway.log)}")
            return next((n + 1 for n, line in enumerate(self.heard()) if n >= mark and re.match(pattern, line)), None)
        try:
            return wait_for(found, seconds, pattern) - 1
        except Failure:
            raise Failure(f"waited {seconds} s for {pattern}; heard {self.said[mark:]}") from None


def says(text, *patterns):
    for pattern in patterns:
        check(re.search(pattern, text, re.I | re.S), f"should say /{pattern}/, said:\n{text}")


def does(gateway, status, *arguments, **options):
    """Runs a command that must end with this exit status; what it said."""
    found, output = gateway.command(*arguments, **options)
    check(found == status, f"narrowgate {' '.join(map(str, arguments))} ended with {found}, not {status}:\n{output}")
    return output


def house(stage, overrides=None):
    """A gateway with devices, between two brokers that run."""
    pki = Pki(stage.folder / "pki")
    pki._leaf(RENEWED_NAME, "clients-ca", RENEWED_NAME, "extendedKeyUsage=clientAuth")
    brokers = [Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS),
               Broker(stage, pki, "pelion", "edge-ca", "nbiot/#")]
    for broker in brokers:
        with open(broker.folder / "acl", "a") as acl:
            acl.write(f"\nuser {RENEWED_NAME}\ntopic write {broker.topic}\n")
        broker.start()
    gateway = Gateway(stage, pki, {broker.name: broker.url for broker in brokers}, {**FAST, **(overrides or {})})
    return pki, brokers, gateway


def lone_gateway(stage):
    return Gateway(stage, Pki(stage.folder / "pki"), NOWHERE, FAST)


def try_node(stage, gateway, identity, psk_hex, fleet=FLEET):
    """Lets a node send a reading; the totals of what became of it."""
    number = len(list(stage.folder.glob("single-*.csv")))
    file = stage.folder / f"single-{number}.csv"
    file.write_text(f"{identity},{fleet},{psk_hex}\n")
    return Nodes(stage, gateway.address, file, name=f"single-{number}", interval=0.1, readings=1, seconds=4, drain=4,
                 **FAST_NODES).wait(30)


def is_served(totals):
    return totals["handshakes"] == 1 and totals["acked"] == 1


def is_shut_out(totals):
    return totals["handshakes"] == 0 and totals["acked"] == 0


def signal_reload(gateway, manager):
    """SIGHUP; what the gateway logged until it was ready again."""
    mark, logged = manager.mark(), len(gateway.log_text())
    gateway.process.send_signal(signal.SIGHUP)
    reloading = manager.wait_for("RELOADING=1", mark, gateway)
    manager.wait_for("READY=1", reloading, gateway)
    return gateway.log_text()[logged:]


def the_service_manager_is_told(stage):
    _, _, gateway = house(stage)
    manager = ServiceManager(stage)
    manager.start(gateway, watchdog_us=1_000_000)
    manager.wait_for("STATUS=.*(All is well|pelion|aws)", 0, gateway)
    # Fed several times a period, for as long as it runs.
    for _ in range(6):
        manager.wait_for("WATCHDOG=1", manager.mark(), gateway, seconds=1)
    manager.wait_for("STATUS=All is well", 0, gateway, seconds=25)
    signal_reload(gateway, manager)
    mark = manager.mark()
    gateway.stop()
    manager.wait_for("STOPPING=1", mark)

    # Without WATCHDOG_USEC nobody wants to be told.
    mark = manager.mark()
    manager.start(gateway)
    manager.wait_for("STATUS=", mark, gateway)
    check("WATCHDOG=1" not in manager.heard()[mark:], "the watchdog is fed though there is none")
    gateway.stop()


def a_stop_under_load_costs_nothing(stage):
    _, brokers, gateway = house(stage)
    devices = gateway.import_devices(make_devices(30))
    manager = ServiceManager(stage)
    manager.start(gateway)
    nodes = Nodes(stage, gateway.address, devices, interval=0.1, max_retransmit=8, drain=60, **FAST_NODES)
    wait_for(lambda: (nodes.totals() or {"acked": 0})["acked"] > 300, 60, "load")
    for _ in range(3):
        began = time.monotonic()
        gateway.stop()
        print(f"stopped in {time.monotonic() - began:.2f} s")
        check(time.monotonic() - began < 10, "it took more than 10 s to stop")
        acked = nodes.totals()["acked"]
        manager.start(gateway)
        wait_for(lambda: nodes.totals()["acked"] > acked + 100, 30, "readings after the restart")
    totals = nodes.finish()
    check(totals["handshakes"] == totals["nodes"], f"nodes had to shake hands again: {totals}")
    check(totals["waiting"] == 0 and totals["given_up"] == 0, f"readings were not acknowledged: {totals}")
    verifier = Verifier(nodes.events())
    check(verifier.wait_until_delivered(brokers, 60), "acknowledged readings were lost")
    for broker in brokers:
        verdict = verifier.verdict(broker)
        check(verdict["lost"] == 0 and verdict["stored_twice"] == 0, f"{broker.name}: {verdict}")
    gateway.stop()


def a_reload_takes_what_has_changed(stage):
    pki, (aws, pelion), gateway = house(stage, {"gateway.log_level": '"warning"'})
    devices = gateway.import_devices(make_devices(5))
    manager = ServiceManager(stage)
    manager.start(gateway)
    nodes = Nodes(stage, gateway.address, devices, interval=0.3, drain=60, **FAST_NODES)
    wait_for(lambda: len(aws.readings()) > 5 and len(pelion.readings()) > 5, 30, "readings at both brokers")
    check(" info " not in gateway.log_text(), "log_level \"warning\" lets info lines through")
    check(f"u'{RENEWED_NAME}'" not in aws.log.read_text(), "the certificate is renewed already")

    gateway.config.write_text(gateway.config.read_text().replace('log_level = "warning"', 'log_level = "info"'))
    meters = gateway.folder / "fleets.d" / "water-meters.toml"
    gas = gateway.folder / "fleets.d" / "gas.toml"
    gas.write_text(meters.read_text().replace(FLEET, "gas"))
    meters.write_text(meters.read_text().replace("dt/{gateway}/", "dt/moved/{gateway}/"))
    for suffix in ("crt", "key"):
        shutil.copy(pki.folder / f"{RENEWED_NAME}.{suffix}", gateway.folder / "tls" / f"gw-1.{suffix}")
    says(signal_reload(gateway, manager), r" info reloaded: 2 fleets")

    for broker in (aws, pelion):
        wait_for(lambda: f"u'{RENEWED_NAME}'" in broker.log.read_text(), 20,
                 f"the renewed certificate at broker {broker.name}:\n{tail(broker.log)}")
    wait_for(lambda: any(topic == f"dt/moved/gw-1/{FLEET}/telemetry" for _, topic, _ in aws.readings()), 20,
             "the route's new topic")
    key = json.loads(does(gateway, OK, "device", "add", "gas-1", "--fleet", "gas", "--generate", "--json"))["psk_hex"]
    check(is_served(try_node(stage, gateway, "gas-1", key, "gas")), "a node of the new fleet is not served")
    wait_for(lambda: any(topic == "dt/gw-1/gas/telemetry" for _, topic, _ in aws.readings()), 20,
             "a reading of the new fleet")

    totals = nodes.finish()
    check(totals["handshakes"] == totals["nodes"] and totals["waiting"] == 0, f"the reload hurt nodes: {totals}")
    check(Verifier(nodes.events()).wait_until_delivered([aws, pelion], 30), "the reload lost readings")
    gateway.stop()


def a_reload_is_all_or_nothing(stage):
    gateway = lone_gateway(stage)
    gateway.config.write_text(gateway.config.read_text().replace('log_level = "info"', 'log_level = "warning"'))
    manager = ServiceManager(stage)
    gas = gateway.folder / "fleets.d" / "gas.toml"
    good_gas = (gateway.folder / "fleets.d" / "water-meters.toml").read_text().replace(FLEET, "gas")
    gas.write_text(good_gas)
    does(gateway, OK, "device", "add", "gas-1", "--fleet", "gas", "--generate")
    manager.start(gateway)
    good = gateway.config.read_text()
    # What is right in these files must not be taken either: were the new level, info lines would show it.
    chatty = good.replace('log_level = "warning"', 'log_level = "info"')

    def is_refused(*patterns):
        logged = signal_reload(gateway, manager)
        says(logged, *patterns)
        check(" info " not in logged, f"half of it was taken:\n{logged}")
        says(does(gateway, FAILED, "device", "add", "x", "--fleet", "steam", "--generate"), "no fleet \"steam\"")

    (gateway.folder / "fleets.d" / "steam.toml").write_text(good_gas.replace("gas", "steam"))
    gateway.config.write_text(chatty.replace("mtu = 512", "mtu = 99"))
    line = next(n for n, text in enumerate(gateway.config.read_text().splitlines(), 1) if "mtu = 99" in text)
    gas.write_text(good_gas.replace("{device}", "{devise}"))
    is_refused(rf"not reloaded: \S+narrowgate.toml:{line}:\d+: .*mtu", r"not reloaded: \S+gas.toml:\d+:\d+: .*devise")

    gateway.config.write_text(chatty)
    gas.unlink()
    is_refused("not reloaded: fleet \"gas\" is gone.*1 device belongs.*revoke")
    os.chmod(gateway.folder / "tls" / "gw-1.key", 0o640)
    gas.write_text(good_gas)
    is_refused("not reloaded: .*gw-1.key.*chmod 600")

    os.chmod(gateway.folder / "tls" / "gw-1.key", 0o600)
    says(signal_reload(gateway, manager), " info reloaded: 3 fleets")
    does(gateway, OK, "device", "revoke", "gas-1")
    gas.unlink()
    says(signal_reload(gateway, manager), " info reloaded: 2 fleets")
    gateway.stop()


def the_devices_of_a_running_gateway(stage):
    gateway = lone_gateway(stage)
    gateway.start()
    play_devices(stage, gateway, lambda identity, key: is_served(try_node(stage, gateway, identity, key)))

    # A revoked device: no word to its live session is heard any more, and no handshake opens another.
    devices = make_devices(3)
    nodes = Nodes(stage, gateway.address, gateway.import_devices(devices), interval=0.2, **FAST_NODES)
    wait_for(lambda: (nodes.totals() or {"acked": 0})["acked"] >= 15, 30, "readings")
    before = gateway.status()["sessions"]
    (victim, key), others = devices[0], {name for name, _ in devices[1:]}
    does(gateway, OK, "device", "revoke", victim)
    revoked_us = time.time() * 1e6
    wait_for(lambda: gateway.status()["sessions"] == before - 1, 2, "the session to end")
    time.sleep(3)
    late = [event for event in nodes.events() if event["at_us"] > revoked_us]
    check(any(event["event"] == "sent" and event["device"] == victim for event in late),
          "the revoked node sent nothing: the test tests nothing")
    check(not any(event["event"] == "acked" and event["device"] == victim for event in late),
          "a revoked node's reading was acknowledged")
    check({event["device"] for event in late if event["event"] == "acked"} == others, "other nodes were hurt")
    nodes.process.kill()
    check(is_shut_out(try_node(stage, gateway, victim, key)), "a revoked node shook hands")
    # With another key it is a device again; the old key stays worthless.
    new_key = json.loads(does(gateway, OK, "device", "add", victim, "--fleet", FLEET, "--generate",
                              "--json"))["psk_hex"]
    check(is_shut_out(try_node(stage, gateway, victim, key)), "a revoked key opened a session")
    check(is_served(try_node(stage, gateway, victim, new_key)), "the new key opens no session")
    gateway.stop()


def the_devices_of_a_gateway_that_does_not_run(stage):
    gateway = lone_gateway(stage)
    keys = {}

    def remember(identity, key):
        keys[identity] = key
        return True
    play_devices(stage, gateway, remember)
    says(does(gateway, OK, "device", "revoke", "csv-2"), "csv-2 is revoked")
    gateway.start()
    for identity, key in keys.items():
        totals = try_node(stage, gateway, identity, key)
        check(is_shut_out(totals) if identity == "csv-2" else is_served(totals), f"{identity}: {totals}")
    gateway.stop()


def play_devices(stage, gateway, works):
    """The device commands; `works(identity, psk_hex)` says whether a node with that key is served."""
    output = does(gateway, OK, "device", "add", "made-1", "--fleet", FLEET, "--generate")
    key = re.search(r"^([0-9a-f]{32})$", output, re.M)[1]
    check(works("made-1", key), "a device with a generated key is not served")
    says(does(gateway, FAILED, "device", "add", "made-1", "--fleet", FLEET, "--generate"), "made-1.*in use.*revoke")
    says(does(gateway, FAILED, "device", "add", "x", "--fleet", "water-metres", "--generate"),
         f"no fleet.*did you mean \"{FLEET}\"")
    says(does(gateway, USAGE, "device", "add", "x", "--fleet", FLEET), "--psk-file.*--generate")

    psk_file = stage.folder / "key"
    psk_file.write_text("000102030405060708090a0b0c0d0e0f\n")
    os.chmod(psk_file, 0o644)
    named = ("device", "add", "file-1", "--fleet", FLEET, "--name", "Hydrant 7", "--psk-file", psk_file)
    says(does(gateway, FAILED, *named), "other users", "chmod 600")
    os.chmod(psk_file, 0o600)
    output = does(gateway, OK, *named)
    check("0001020304" not in output, "a key that was given is printed")
    check(works("file-1", psk_file.read_text().strip()), "a device with a key from a file is not served")
    with open(psk_file) as file:
        does(gateway, OK, "device", "add", "stdin-1", "--fleet", FLEET, "--psk-file", "-", stdin=file)

    devices = make_devices(3, "csv")
    table = stage.folder / "import.csv"
    write_devices(table, devices)
    table.write_text(table.read_text() + "csv-9,no-such-fleet," + "00" * 16 + "\nhalf a line\ncsv-8," + FLEET + ",00\n")
    for more in ((), ("--dry-run",)):
        says(does(gateway, FAILED, "device", "import", table, *more), "import.csv:5: .*no-such-fleet",
             "import.csv:6: .*identity,fleet,psk_hex", "import.csv:7: .*16", "nothing was imported")
    write_devices(table, devices)
    says(does(gateway, OK, "device", "import", "--dry-run", table), r"\+ csv-0001", "would be: 3 added")
    check("csv-0001" not in does(gateway, OK, "device", "list"), "a dry run added devices")
    says(does(gateway, OK, "device", "import", table), "3 added, 0 changed, 0 unchanged")
    for identity, key in devices:
        check(works(identity, key), f"{identity} was imported and is not served")
    changed = [devices[0], (devices[1][0], "ab" * 16), ("csv-2", "cd" * 16)]
    write_devices(table, changed)
    says(does(gateway, OK, "device", "import", "--dry-run", table), r"\+ csv-2\n", r"~ csv-0002\n")
    says(does(gateway, OK, "device", "import", table), "1 added, 1 changed, 1 unchanged")
    for identity, key in changed[1:]:
        check(works(identity, key), f"{identity} was imported again and is not served")

    says(does(gateway, OK, "device", "list"), "DEVICE.*FLEET.*Hydrant 7.*csv-0001.*made-1")
    listed = json.loads(does(gateway, OK, "device", "list", "--json"))
    check({"Hydrant 7", "stdin-1", "csv-2"} <= {device["name"] for device in listed}, f"listed: {listed}")
    for name in ("Hydrant 7", "file-1"):
        says(does(gateway, OK, "device", "show", name), "Hydrant 7", "file-1", "in use")
    says(does(gateway, FAILED, "device", "show", "nobody"), "no device \"nobody\".*device list")
    says(does(gateway, FAILED, "device", "revoke", "nobody"), "no device \"nobody\".*device list")

    check("cd" * 16 not in does(gateway, OK, "device", "export"), "an export without keys has keys")
    exported = does(gateway, OK, "device", "export", "--with-keys")
    says(exported, f"^identity,fleet,psk_hex,name\n.*csv-2,{FLEET},{'cd' * 16},csv-2\n.*Hydrant 7")
    table.write_text(exported)
    says(does(gateway, OK, "device", "import", table), "0 added, 0 changed, 7 unchanged")
    does(gateway, OK, "device", "revoke", "stdin-1")
    says(does(gateway, OK, "device", "show", "stdin-1"), "revoked 2")
    check("stdin-1" not in does(gateway, OK, "device", "export"), "a revoked device is exported")


def attempts_explain_themselves(gateway):
    """The broker of aws is up and that of pelion down: attempts beside the daemon's, and the daemon's last ones."""
    reconnects = {upstream["name"]: upstream["reconnects"] for upstream in gateway.status()["upstreams"]}
    says(does(gateway, OK, "diagnose", "upstream", "aws", "--publish", "dt/diagnose"), r"-> ClientHello",
         r"broker's certificate 1 of 1: ", r"MQTT CONNACK: accepted", r"MQTT PUBACK: ", r"\nVerdict: ok\n")
    found = json.loads(does(gateway, FAILED, "diagnose", "upstream", "pelion", "--json", "--timeout", "5s"))
    check(found["finding"] == "refused" and found["advice"], f"{found}")
    # Its own client ID: the daemon's connection stands.
    check(reconnects == {upstream["name"]: upstream["reconnects"] for upstream in gateway.status()["upstreams"]},
          "an attempt threw the daemon off")
    says(does(gateway, OK, "diagnose", "upstream", "aws", "--last"), r"^Last good attempt, begun ",
         r"MQTT PUBACK: ", r"Verdict: ok", r"Last bad attempt: none")
    kept = json.loads(does(gateway, OK, "diagnose", "upstream", "pelion", "--last", "--json"))["connections"]
    check(kept[0]["last_bad"]["finding"] == "refused" and kept[0]["last_good"] is None, f"{kept}")
    says(does(gateway, FAILED, "diagnose", "upstream", "nowhere", "--last"), "no upstream \"nowhere\"")


def questions_and_their_exit_codes(stage):
    pki, (aws, pelion), gateway = house(stage)
    for command in (("status",), ("status", "--json")):
        says(does(gateway, NOT_RUNNING, *command), "not running.*systemctl start")
    devices = gateway.import_devices(make_devices(2))
    says(does(gateway, OK, "store", "show"), "devices +2")
    pelion.stop()
    gateway.start()
    nodes = Nodes(stage, gateway.address, devices, interval=0.2, readings=5, **FAST_NODES)
    nodes.wait(30)
    wait_for(lambda: len(aws.readings()) == 10, 20, "the readings")

    # The first line is a sentence that names whom to blame, why, and what waits.
    wait_for(lambda: next(u for u in gateway.status()["upstreams"] if u["name"] == "aws")["waiting_readings"] == 0,
             10, "progress of aws")
    text = does(gateway, OK, "status")
    says(text.splitlines()[0], r"^Upstream pelion has been down for \S+ s, and 10 readings wait for it, the oldest for \S+ s: "
         "no TCP connection: .*refused; check ")
    says(text, r"2 devices, 2 sessions", r"\naws +connected", r"\npelion +down")
    status = gateway.status()
    check(not status["well"] and "pelion" in status["health"], f"status: {status}")
    check(status["devices"] == 2 and status["sessions"] == 2 and status["uplink"]["readings"] == 10, f"{status}")
    lane = {upstream["name"]: upstream for upstream in status["upstreams"]}
    check(lane["aws"]["connected"] and lane["aws"]["waiting_readings"] == 0, f"{lane}")
    check(not lane["pelion"]["connected"] and lane["pelion"]["waiting_readings"] == 10 and lane["pelion"]["oldest"],
          f"{lane}")
    shown = json.loads(does(gateway, OK, "store", "show", "--json"))
    check(shown["readings_waiting"] == 10 and len(shown["last"]) == 10, f"{shown}")
    check(shown["last"][0]["device"].startswith("wm-"), f"{shown}")

    attempts_explain_themselves(gateway)
    pelion.start()
    wait_for(lambda: gateway.status()["well"], 30, "all to be well again")
    says(does(gateway, OK, "status"), r"^All is well")
    # A killed gateway leaves its socket behind: nobody listens there.
    gateway.kill()
    does(gateway, NOT_RUNNING, "status")
    does(gateway, NOT_RUNNING, "diagnose", "upstream", "aws", "--last")
    says(does(gateway, OK, "store", "show", "--last", "3"), "sessions +2")

    for wrong in (("frobnicate",), ("device",), ("device", "add"), ("status", "--colour"),
                  ("store", "show", "--last", "many")):
        status, output = gateway.command(*wrong)
        check(status == USAGE and re.match("narrowgate: .*; see narrowgate.* --help$", output),
              f"{wrong}: {status}, {output}")
    for page in ((), ("run",), ("check",), ("status",), ("store",), ("store", "show"), ("device",), ("device", "add"),
                 ("device", "import"), ("device", "list"), ("device", "show"), ("device", "revoke"),
                 ("device", "export"), ("device", "interval"), ("diagnose", "upstream"), ("fleets",)):
        status, output = gateway.command(*page, "--help")
        check(status == OK and len(output.splitlines()) > 8, f"{page} --help: {status}, {output}")

    does(gateway, OK, "check")
    gateway.config.write_text(gateway.config.read_text().replace("mtu = 512", "mtu = 1\nmut = 2"))
    output = does(gateway, CONFIGURATION, "check")
    says(output, r"narrowgate.toml:\d+:\d+: .*dtls.mtu.*; write", r"narrowgate.toml:\d+:\d+: .*mut.*did you mean")
    mistakes = json.loads(does(gateway, CONFIGURATION, "check", "--json"))["mistakes"]
    check(len(mistakes) == 2 and all(m["line"] and m["column"] and m["what"] and m["cure"] for m in mistakes),
          f"{mistakes}")
    check(gateway.run_until_it_fails()[0] == CONFIGURATION, "run started with mistakes")


def root_works_for_the_gateways_own_user(stage):
    """The daemon runs as a user of its own; root gives it devices, before it runs and while it does."""
    if os.geteuid() != 0:
        raise Skip("needs root to become another user")
    user = pwd.getpwnam("nobody")
    gateway = lone_gateway(stage)
    for path in (gateway.folder / "state", gateway.folder / "run", *(gateway.folder / "tls").glob("*.key")):
        os.chown(path, user.pw_uid, user.pw_gid)
    for path in (gateway.folder / "tls").glob("*[!y]"):
        os.chmod(path, 0o644)
    key = "0f" * 16
    table = stage.folder / "import.csv"  # of root alone
    write_devices(table, [("before-1", key)])
    does(gateway, OK, "device", "import", table)
    does(gateway, OK, "check")
    gateway.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    gateway.folder.chmod(0o777)  # for the socket that says it is ready
    manager = ServiceManager(stage)
    manager.start(gateway)
    gateway.prefix = []
    made = json.loads(does(gateway, OK, "device", "add", "during-1", "--fleet", FLEET, "--generate", "--json"))
    check(is_served(try_node(stage, gateway, "before-1", key)), "a device that root imported is not served")
    check(is_served(try_node(stage, gateway, "during-1", made["psk_hex"])), "a device that root added is not served")
    gateway.stop()
    does(gateway, OK, "device", "list")
    for path in (gateway.folder / "state").iterdir():
        check(path.stat().st_uid == user.pw_uid, f"{path} belongs to user {path.stat().st_uid}")
        check(stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, f"{path} can be written by others")
    # A key that root can read and the gateway's user cannot is found before the gateway is started.
    os.chown(gateway.folder / "tls" / "gw-1.key", 0, 0)
    says(does(gateway, CONFIGURATION, "check"), "gw-1.key.*permission denied.*chown")
    found = json.loads(does(gateway, FAILED, "diagnose", "upstream", "aws", "--json"))
    check(found["finding"] == "files" and "ermission denied" in found["what"], f"{found}")


if __name__ == "__main__":
    sys.exit(play(the_service_manager_is_told, a_stop_under_load_costs_nothing, a_reload_takes_what_has_changed,
                  a_reload_is_all_or_nothing, the_devices_of_a_running_gateway,
                  the_devices_of_a_gateway_that_does_not_run, questions_and_their_exit_codes,
                  root_works_for_the_gateways_own_user))
