# SPDX-License-Identifier: Apache-2.0
"""What the node costs: `scripts/bench firmware` runs this once all is built.

Flash and RAM by component come from the linker; stack, TLS pool and bytes on air from the image in QEMU at the real
gateway. Beside them stands a client with a certificate that goes to a broker itself, on the same core, start-up and
allocator (tests/bench/certificate_client). The exit status is 1 when a budget is exceeded. See docs/measurements.md.
"""

import argparse
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from emulated_node import EmulatedNode, Modem, World, is_of_handshake, provision  # noqa: E402
from firmware_size import by_component, node_object, totals  # noqa: E402
from harness import BUILD, GATEWAY_NAME, Failure, Stage, check, wait_for  # noqa: E402
from machine import machine, print_rows  # noqa: E402

BOARDS = ("nucleo-f207zg", "qemu-netduino2")
RECORD_KILOBYTES = (16, 4)  # of the certificate clients
WAKE_UPS = 3
# Nothing is sent twice while it is measured: an acknowledgement is waited for 10 s and more.
SETTINGS = {"interval": 4, "active": 2, "periodic": 3600, "ack_timeout": 10000}

# Bytes at most. Those on air are for an identity of 9 bytes, the gateway's cookie of 8 and connection ID of 6, no MFL
# extension, and SenML names of one or two letters.
BUDGETS = {"flash": 64 * 1024, "ram": 16 * 1024, "stack": 4096, "pool": 4096, "handshake": 540, "reading-up": 110,
           "reading-down": 45, "wake-up": 0}
FLASH_WISHED = 48 * 1024

# What an engineer wrote in 2019 of a certificate client for AWS IoT on a microcontroller with 32 + 32 KB of RAM: the
# peak of its heap at first, without keeping the peer's certificate, with its own parsed in place, with one of elliptic
# curves.
PUBLISHED_HEAP_KB = (50, 36, 34, 31.7)


def image_of(board):
    folder = BUILD / f"firmware-{board}"
    return folder / "boards" / "narrowgate-node.elf", folder / "narrowgate-node.map"


def client_of(kilobytes):
    image = BUILD / "firmware-certificate-client" / f"certificate-client-{kilobytes}.elf"
    return image, image.with_suffix(".map")


def sizes(image, map_file):
    flash, ram = totals(image)
    return {"flash": flash, "ram": ram, "components": by_component(image, map_file)}


def total(datagrams):
    return sum(entry["bytes"] for entry in datagrams)


def split(air):
    return [[entry for entry in air if entry["what"] == way] for way in ("up", "down")]


def run_node(stage):
    """A start, a handshake, and some wake-ups with a reading each."""
    world = World(stage)
    modem = Modem(stage)
    node = EmulatedNode.with_modem(stage, modem, provision(world, **SETTINGS))
    node.wait_for("standby for")
    first = modem.air()
    node.wait_for("standby for", 90, times=1 + WAKE_UPS)
    node.stop()
    later = modem.air()[len(first):]
    world.gateway.stop()
    costs = re.findall(r"cost: stack (\d+) bytes, TLS pool (\d+) bytes", node.console())
    check(len(costs) >= 1 + WAKE_UPS, f"the node did not say what it costs:\n{node.console()}")

    up, down = split([entry for entry in first if is_of_handshake(entry)])
    handshake = {"datagrams-up": len(up), "up": total(up), "datagrams-down": len(down), "down": total(down)}
    up, down = split([entry for entry in later if not is_of_handshake(entry)])
    after = node.console().split("standby for", 1)[1]
    check(after.count("readings: 1 acknowledged") == WAKE_UPS, f"{WAKE_UPS} readings of a wake-up each:\n{after}")
    check(all(set(values) == {"t", "v", "n"} for values in world.readings().values()), "three values each")
    # The largest are the readings and their answers; waking up is what else is on air.
    reading_up, reading_down = (sorted(entry["bytes"] for entry in way)[-WAKE_UPS:] for way in (up, down))
    check(len(reading_up) == len(reading_down) == WAKE_UPS, f"a reading and an answer each: {reading_up}, {reading_down}")
    wake_ups = total(later) - sum(reading_up) - sum(reading_down)
    return {"stack": max(int(stack) for stack, _ in costs), "pool": max(int(pool) for _, pool in costs),
            "handshake": handshake, "reading-up": max(reading_up), "reading-down": max(reading_down), "wake-up": wake_ups}


def page_of_client(stage, pki):
    def der(*command):
        done = subprocess.run(["openssl", *map(str, command), "-outform", "DER"], check=True, capture_output=True,
                              timeout=20)
        return struct.pack("<H", len(done.stdout)) + done.stdout
    page = stage.folder / "client-page.bin"
    page.write_bytes(der("x509", "-in", pki.certificate("aws-roots")) + der("x509", "-in", pki.certificate(GATEWAY_NAME))
                     + der("ec", "-in", pki.key(GATEWAY_NAME)))
    return page


def run_clients(stage):
    """A TLS handshake, MQTT's CONNECT and a publish of a reading, by each of the two."""
    world = World(stage)
    world.gateway.stop()  # the client has its name and certificate
    page, found = page_of_client(stage, world.pki), {}
    for kilobytes in RECORD_KILOBYTES:
        client = EmulatedNode(stage, f"host=127.0.0.1,port={world.broker.port}", page, client_of(kilobytes)[0],
                              name=f"client-{kilobytes}")
        wait_for(lambda: "\n" in client.console(), 60, "the certificate client to end")
        client.stop()
        check(client.console().startswith("done: "), f"the certificate client: {client.console()}")
        words = client.console().split()[1:]
        found[kilobytes] = {name: int(value) for name, value in zip(words[::2], words[1::2])}
    return found


def verdicts(images, run, budgets):
    """(what, figure, limit, kept) of each budget."""
    figures = [(f"flash of {board}", images[board]["flash"], "flash") for board in BOARDS]
    figures += [(f"variables and stack of {board}", images[board]["ram"], "ram") for board in BOARDS]
    figures += [("stack at its deepest", run["stack"], "stack"),
                ("TLS pool", images[BOARDS[0]]["node"]["TLS pool"], "pool"),
                ("handshake, up and down", run["handshake"]["up"] + run["handshake"]["down"], "handshake"),
                ("a reading of three values, up", run["reading-up"], "reading-up"),
                ("its answer, down", run["reading-down"], "reading-down"),
                ("waking up", run["wake-up"], "wake-up")]
    return [(what, figure, budgets[name], figure <= budgets[name]) for what, figure, name in figures]


def print_images(images):
    """Flash and RAM of the boards, the node's object taken apart; flash of the certificate client."""
    columns, heads = [], ["bytes"]
    for board in BOARDS:
        flash = {name: used for name, (used, _) in images[board]["components"].items()}
        ram = {name: used for name, (_, used) in images[board]["components"].items()}
        for name, size in images[board]["node"].items():
            ram[name] = ram.get(name, 0) + size
            ram["board"] -= size  # whose main program it is a variable of
        columns += [flash | {"all": images[board]["flash"]}, ram | {"all": images[board]["ram"]}]
        heads += [f"{board}: flash", "RAM"]
    client = images[f"certificates, {RECORD_KILOBYTES[0]} KB"]
    columns.append({name: used for name, (used, _) in client["components"].items()} | {"all": client["flash"]})
    heads.append("certificate client: flash")
    names = [name for name in dict.fromkeys(name for one in columns for name in one) if name != "all"]
    print_rows(heads, [[name, *(one.get(name, 0) for one in columns)] for name in [*names, "all"]])
    print("\nBeside the RAM there are 4096 bytes of backup SRAM: the session and readings over a sleep. The certificate\n"
          "client has no modem, and speaks MQTT in two constant packets.\n")


def print_comparison(images, run, clients):
    wide, narrow = (clients[kilobytes] for kilobytes in RECORD_KILOBYTES)
    wide_image, narrow_image = (images[f"certificates, {kilobytes} KB"] for kilobytes in RECORD_KILOBYTES)
    hand = run["handshake"]
    published = f"{PUBLISHED_HEAP_KB[-1]:g} to {PUBLISHED_HEAP_KB[0]} KB"

    def tls(image):
        return image["components"]["mbedTLS"][0]
    print_rows(["bytes", "this node", *(f"certificates, {kilobytes} KB" for kilobytes in RECORD_KILOBYTES), "published"], [
        ["mbedTLS's flash", tls(images[BOARDS[1]]), tls(wide_image), tls(narrow_image), ""],
        ["heap for TLS, peak", run["pool"], wide["heap-peak"], narrow["heap-peak"], published],
        ["stack, deepest", run["stack"], wide["stack"], narrow["stack"], ""],
        ["handshake, up + down", f"{hand['up']} + {hand['down']}",
         *(f"{one['handshake-up']} + {one['handshake-down']}" for one in (wide, narrow)), ""],
        ["a reading, up + down", f"{run['reading-up']} + {run['reading-down']}",
         *(f"{one['reading-up']} + {one['reading-down']}" for one in (wide, narrow)), ""],
        ["waking up", run["wake-up"], "a handshake", "a handshake", ""],
    ])
    print(f"""
The handshake of this node is of {hand['datagrams-up']} datagrams up and {hand['datagrams-down']} down. IPv4 and UDP add 28 bytes to each; bytes
of TLS are those of the stream, without IP and TCP. Published: what an engineer measured in 2019 for a client of AWS
IoT on a microcontroller of 32 + 32 KB of RAM, {', '.join(f'{kb:g}' for kb in PUBLISHED_HEAP_KB)} KB as it was made smaller step by step.
""")


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench firmware", description="What the node costs, beside a client "
                                     "with certificates. The exit status is 1 when a budget is exceeded.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--budget", action="append", default=[], metavar="NAME=BYTES",
                        help="another budget: " + ", ".join(f"{name}={most}" for name, most in BUDGETS.items()))
    options = parser.parse_args()
    options.budgets = dict(BUDGETS)
    for text in options.budget:
        name, _, value = text.partition("=")
        if name not in BUDGETS or not value.isdigit():
            parser.error(f"'{text}' is no budget")
        options.budgets[name] = int(value)
    return options


def main():
    options = parse()
    try:
        images = {board: sizes(*image_of(board)) for board in BOARDS}
        for board in BOARDS:
            images[board]["node"] = node_object(image_of(board)[0])
        for kilobytes in RECORD_KILOBYTES:
            images[f"certificates, {kilobytes} KB"] = sizes(*client_of(kilobytes))
        keep = bool(os.environ.get("NARROWGATE_KEEP"))
        with Stage("bench-firmware", keep) as stage:
            run = run_node(stage)
        with Stage("bench-firmware-certificates", keep) as stage:
            clients = run_clients(stage)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    found = verdicts(images, run, options.budgets)
    kept = all(one[3] for one in found)
    if options.json:
        print(json.dumps({"machine": machine(), "images": images, "node": run, "certificate_clients": clients,
                          "published_heap_kb": PUBLISHED_HEAP_KB, "budgets_kept": kept}, indent=2))
        return 0 if kept else 1
    print(f"commit {machine()['commit']}\n")
    print_images(images)
    print_comparison(images, run, clients)
    for what, figure, limit, good in found:
        print(f"{'kept    ' if good else 'EXCEEDED'}  {what}: {figure} (at most {limit})")
    for board in BOARDS:
        flash = images[board]["flash"]
        print(f"wished    flash of {board}: {flash} ({FLASH_WISHED}: {'met' if flash <= FLASH_WISHED else 'not met'})")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
