# SPDX-License-Identifier: Apache-2.0
"""Takes what Narrowgate sends apart: a function for AWS Lambda, called by a rule of AWS IoT Core.

The rule hands it {"data": base64} (SELECT encode(*, 'base64') AS data), so that batches that are gzip and such that
are not come alike. Each reading comes out as the envelope that it would have been alone.
"""

import base64
import datetime
import gzip
import json
from decimal import Decimal

GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952


def message_of(event: dict) -> dict:
    """The JSON that was published: a batch, or one reading's envelope."""
    data = base64.b64decode(event["data"])
    if data.startswith(GZIP_MAGIC):
        data = gzip.decompress(data)
    return json.loads(data, parse_float=Decimal)


def record_of(record: list, batch: dict, device: str, received: Decimal) -> dict:
    """A SenML record, resolved (RFC 8428 section 4.6)."""
    series = batch["series"][record[0]]
    resolved = {"n": series["n"].replace("{device}", device)}
    if "u" in series:
        resolved["u"] = series["u"]
    resolved[series.get("k", "v")] = record[1]
    resolved["t"] = batch["from"] + record[2] if len(record) > 2 else received
    if len(record) > 3:
        resolved.update(record[3])
    return resolved


def readings_of(message: dict) -> list:
    """Every reading as an envelope. A reading that comes twice has the same "id": store by it."""
    if "batch" not in message:
        return [message]
    readings = []
    for number, device, seconds, source, content in message["rows"]:
        received = message["from"] + Decimal(seconds)
        time = datetime.datetime.fromtimestamp(float(received), datetime.timezone.utc)
        reading = {
            "id": number if isinstance(number, str) else f"{message['store']}-{number}",
            "device": device,
            **message["sources"][source],
            "received": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if isinstance(content, list):
            reading["senml"] = [record_of(record, message, device, received) for record in content]
        else:
            reading.update(content)
        readings.append(reading)
    return readings


def handler(event: dict, context: object) -> None:
    for reading in readings_of(message_of(event)):
        print(json.dumps(reading, default=float))  # put yours here: a table, a stream, a queue
