#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""etc/prometheus and etc/grafana are sound: promtool reads the rules, every metric exists, every runbook has its section."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = ROOT / "etc/prometheus/narrowgate.rules.yml"
DASHBOARD = ROOT / "etc/grafana/narrowgate.json"
METRIC = re.compile(r"\b(?:narrowgate|process)_[a-z_]+")
# What a histogram's name becomes in queries.
SUFFIXES = ("_bucket", "_count", "_sum")


def documented() -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))


def unknown(queries: str) -> list[str]:
    known = documented()
    return sorted(name for name in set(METRIC.findall(queries))
                  if name not in known and not any(name.removesuffix(end) in known for end in SUFFIXES))


def main() -> int:
    mistakes = []
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
    if checked.returncode != 0:
        mistakes.append(f"{RULES.relative_to(ROOT)}: {checked.stdout}{checked.stderr}")
    rules = RULES.read_text()
    mistakes += [f"{RULES.relative_to(ROOT)}: there is no metric {name}"
                 for name in unknown("\n".join(re.findall(r"expr: (.*?)\n +(?:for|labels):", rules, re.DOTALL)))]

    sections = {heading.lower() for heading in
                re.findall(r"^#+ (\S+)$", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)}
    alerts = re.findall(r"alert: (\S+)", rules)
    runbooks = re.findall(r"runbook: docs/operating.md#(\S+)", rules)
    if len(alerts) != len(runbooks) or not alerts:
        mistakes.append(f"{RULES.relative_to(ROOT)}: {len(alerts)} alerts and {len(runbooks)} runbooks")
    mistakes += [f"docs/operating.md has no section {name}" for name in runbooks if name not in sections]

    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    if not queries:
        mistakes.append(f"{DASHBOARD.relative_to(ROOT)}: no query")
    mistakes += [f"{DASHBOARD.relative_to(ROOT)}: there is no metric {name}" for name in unknown("\n".join(queries))]
    for mistake in mistakes:
        print(mistake)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
