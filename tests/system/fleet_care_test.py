# SPDX-License-Identifier: Apache-2.0
"""What a gateway knows of its fleet: figures of each device, missed reports, what a month costs."""

import json
import sys

from harness import Nodes, check, make_devices, play, wait_for
from operator_test import FAST_NODES, NOT_RUNNING, OK, USAGE, does, lone_gateway, says


def figures_outlive_a_restart(stage):
    """What devices have sent is counted, kept over a stop, and held against interval and tariff."""
    gateway = lone_gateway(stage)
    meters = gateway.folder / "fleets.d" / "water-meters.toml"
    meters.write_text(meters.read_text().replace("[[route]]", "[tariff]\nincluded = 100\nprice_per_mb = 1\n\n[[route]]", 1))
    devices = gateway.import_devices(make_devices(2))
    says(does(gateway, OK, "device", "interval", "wm-0001", "1h"), "wm-0001 is expected every 1h")
    says(does(gateway, USAGE, "device", "interval", "wm-0001"), "an interval and --fleet")
    says(does(gateway, USAGE, "device", "interval", "wm-0001", "1fortnight"), "no report interval")
    does(gateway, NOT_RUNNING, "fleets")
    gateway.start()
    nodes = Nodes(stage, gateway.address, devices, interval=0.1, readings=5, **FAST_NODES)
    nodes.wait(30)

    def fleet():
        return json.loads(does(gateway, OK, "fleets", "--json"))["fleets"][0]

    def figures(device="wm-0001"):
        return json.loads(does(gateway, OK, "device", "show", device, "--json"))["figures"]

    wait_for(lambda: fleet()["readings"] == 10 and fleet()["over_tariff"] == 2, 45, "the readings to be counted")
    before = figures()
    check(before["readings"] == 5 and before["handshakes"] == 1 and before["month"]["readings"] == 5, f"{before}")
    check(before["interval_s"] == 3600 and before["interval_own"] and before["missed"] == 0, f"{before}")
    check(before["tariff"]["bytes_on_air"] == before["bytes_up"] + before["bytes_down"] + 28 * before["datagrams"],
          f"{before}")
    says(gateway.log_text(), r"device wm-000\d of fleet water-meters has used the 100 bytes")
    gateway.stop()
    check(figures()["bytes_up"] == before["bytes_up"], f"on disk is {figures()}, not {before}")
    gateway.start()
    wait_for(lambda: fleet()["heard"] == 2, 30, "the figures to be loaded")
    check(figures()["bytes_up"] == before["bytes_up"] and figures()["last_heard"] == before["last_heard"],
          f"{figures()} after the restart, {before} before it")
    shown = fleet()
    check(shown["readings"] == 10 and shown["over_tariff"] == 2 and shown["tariff"]["cost"] > 0, f"{shown}")
    check("has used" not in gateway.log_text().split("stopped")[-1], "the tariff's end is told again")
    says(does(gateway, OK, "fleets"), r"water-meters +2 +0 +0 ", r"EUR")
    says(does(gateway, OK, "fleets", "--costly"), r"wm-000\d +water-meters")
    says(does(gateway, OK, "fleets", "--silent"), r"^No device is silent")
    says(does(gateway, OK, "device", "show", "wm-0001"), r"reports +every 1 h \(of its own\)", r"tariff .*on air")
    does(gateway, OK, "device", "interval", "wm-0001", "--fleet")
    check(figures()["interval_s"] is None, f"{figures()}")
    says(does(gateway, OK, "audit"), "interval +wm-0001 +reports as its fleet does")
    does(gateway, OK, "device", "revoke", "wm-0001")
    wait_for(lambda: fleet()["devices"] == 1, 15, "the revoked device to be forgotten")
    gateway.stop()


if __name__ == "__main__":
    sys.exit(play(figures_outlive_a_restart))
