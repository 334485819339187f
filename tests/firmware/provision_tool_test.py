#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What firmware/tools/provision writes is what the node reads.  provision_tool_test.py TOOL CHECKER"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL, CHECKER = sys.argv[1:3]
KEY = "5a" * 16
EXPORT = f"identity,fleet,psk_hex,name\nwm-0000,meters,{'11' * 16},\nwm-0001,meters,{KEY},\"cellar, left\"\n"


def bytes_of_hex(text: str) -> tuple[int, bytes]:
    """Address and content of an Intel HEX file without gaps, each record's sum checked."""
    upper, first, content = 0, None, b""
    for line in text.splitlines():
        record = bytes.fromhex(line[1:])
        assert line[0] == ":" and sum(record) & 0xFF == 0 and len(record) == record[0] + 5, line
        if record[3] == 4:
            upper = int.from_bytes(record[4:6], "big") << 16
        if record[3] == 0:
            address = upper + int.from_bytes(record[1:3], "big")
            first = address if first is None else first
            assert address == first + len(content)
            content += record[4:-1]
    assert text.endswith(":00000001FF\n")
    return first, content


class ProvisionTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name, "node.hex")

    def provision(self, *arguments, key=EXPORT):
        return subprocess.run([TOOL, "--identity", "wm-0001", "--gateway", "192.0.2.1", "-o", self.out, *arguments],
                              input=key, capture_output=True, text=True, timeout=30)

    def read(self, page: bytes) -> list[str]:
        done = subprocess.run([CHECKER], input=page, capture_output=True, timeout=30)
        return done.stdout.decode().splitlines()

    def test_a_device_of_the_gateways_export_becomes_a_page(self):
        done = self.provision()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        address, page = bytes_of_hex(self.out.read_text())
        self.assertEqual(address, 0x080E0000)
        self.assertEqual(self.read(page + b"\xff" * 500),
                         ["good", "wm-0001 16 5a 192.0.2.1 5684 t   3600 6 0  10000"])
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)

    def test_every_field_arrives(self):
        key = pathlib.Path(self.folder.name, "key")
        key.write_text("77" * 32 + "\n")
        key.chmod(0o600)
        done = self.provision("--psk-file", key, "--gateway-port", "15684", "--resource", "up/t", "--apn",
                              "iot.example", "--plmn", "26201", "--interval", "900", "--active", "2", "--periodic",
                              "86400", "--edrx", "0101", "--ack-timeout", "20000", "--binary")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.read(self.out.read_bytes())[1],
                         "wm-0001 32 77 192.0.2.1 15684 up/t iot.example 26201 900 2 86400 0101 20000")

    def test_a_key_that_others_can_read_is_refused(self):
        key = pathlib.Path(self.folder.name, "key")
        key.write_text(KEY)
        key.chmod(0o644)
        done = self.provision("--psk-file", key)
        self.assertEqual(done.returncode, 1)
        self.assertIn("can be read by others", done.stderr)
        self.assertFalse(self.out.exists())

    def test_mistakes_are_said_and_write_nothing(self):
        for arguments, key, said in [((), "identity,fleet,psk_hex,name\n", "no device 'wm-0001'"),
                                     ((), "", "nothing on standard input"),
                                     ((), EXPORT.replace(KEY, "5a5a"), "2 bytes"),
                                     ((), EXPORT.replace(KEY, "xx"), "not hexadecimal"),
                                     (("--gateway-port", "70000"), EXPORT, "")]:
            done = self.provision(*arguments, key=key)
            self.assertEqual(done.returncode, 1, (arguments, key))
            self.assertIn(said, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertFalse(self.out.exists())
        self.assertNotEqual(self.provision("--gateway", "gateway.example").returncode, 0)

    def test_an_earlier_file_does_not_lend_its_mode(self):
        self.out.write_text("")
        os.chmod(self.out, 0o666)
        self.assertEqual(self.provision().returncode, 0)
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
