#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""etc/aws works as it is: the policy is one, and the function takes the batch of docs/protocols.md apart."""

import base64
import gzip
import importlib.util
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_POLICY_CHARACTERS = 2048  # AWS IoT Core quotas: policy document size, white space not counted


def load_unpacker():
    spec = importlib.util.spec_from_file_location("unpack_batch", ROOT / "etc/aws/unpack_batch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example_batch() -> str:
    page = (ROOT / "docs/protocols.md").read_text()
    return re.search(r"```json\n(\{\"batch\".*?)```", page, re.DOTALL)[1]


def main() -> int:
    mistakes = []
    policy = json.loads((ROOT / "etc/aws/policy.json").read_text())
    size = len(json.dumps(policy, separators=(",", ":")))
    if size > MAX_POLICY_CHARACTERS:
        mistakes.append(f"etc/aws/policy.json: {size} characters, and AWS takes {MAX_POLICY_CHARACTERS}")

    unpacker = load_unpacker()
    wanted = [
        {"id": "5e9f…-17", "device": "wm-0001", "fleet": "water-meters", "resource": "telemetry",
         "content_format": 112, "received": "2026-03-01T12:00:00.123Z",
         "senml": [{"n": "urn:dev:wm-0001:volume", "u": "m3", "v": 17.25, "t": 1772366400.123}]},
        {"id": "5e9f…-18", "device": "wm-0002", "fleet": "water-meters", "resource": "telemetry",
         "content_format": 112, "received": "2026-03-01T12:00:01.500Z",
         "senml": [{"n": "urn:dev:wm-0002:volume", "u": "m3", "v": 17.5, "t": 1772366340},
                   {"n": "urn:dev:wm-0002:volume", "u": "m3", "v": 17.75, "t": 1772366401.5}]},
    ]
    text = example_batch().encode()
    for payload in (text, gzip.compress(text)):
        event = {"data": base64.b64encode(payload).decode()}
        readings = unpacker.readings_of(unpacker.message_of(event))
        got = json.loads(json.dumps(readings, default=float))
        if got != wanted:
            mistakes.append(f"etc/aws/unpack_batch.py: got {got}, wanted {wanted}")
    # A reading alone is an envelope already.
    envelope = base64.b64encode(json.dumps(wanted[0]).encode()).decode()
    alone = unpacker.readings_of(unpacker.message_of({"data": envelope}))
    if json.loads(json.dumps(alone, default=float)) != wanted[:1]:
        mistakes.append(f"etc/aws/unpack_batch.py: an envelope became {alone}")
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
