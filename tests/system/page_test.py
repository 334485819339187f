# SPDX-License-Identifier: Apache-2.0
"""The status page in a headless Chromium, served by a real gateway with real brokers and nodes.

`page_test.py --screenshots FOLDER` makes pictures of it instead: overview and device, desktop and phone, light and dark.
"""

import json
import pathlib
import re
import sys
import urllib.request

import page_looks
from browser import DESKTOP, PHONE, Browser
from clouds import PelionBroker, Translator
from harness import (AWS_LIMITS, FLEET, Broker, CoapClient, Gateway, Nodes, Pki, check, free_port, make_devices,
                     play, wait_for)

FAST = {"dtls.handshake_timeout": '{ min = "1s", max = "4s" }'}
SILENT = "wm-0006"   # in the house's table of devices, and never heard
SENDING = 5
LIVE_VIEWS = 4       # that a gateway has places for (docs/api.md)
# What a node may call itself and send, and what it must not become. The last two turn text round and are long.
MARK = "window.broken_in=1"
HOSTILE = [f"<script>{MARK}</script>", f'"><img src=x onerror={MARK}>', f"<svg onload={MARK}>",
           "meter-\u202egnp.exe\u200b", "\U0001f4a7" * 4 + "n" * 100]
# A fleet whose figures are looked after: a report each 8 s (figures are some ten behind), and a month that is soon used up.
INTERVAL = {"fleet.report_interval": '"8s"', "fleet.missed_reports": "3"}
TARIFF = '\n[tariff]\nincluded = "1 KB"\nprice_per_mb = 0.40\ncurrency = "EUR"\n'
HOSTILE_KEY = "sixteen-byte-key"
SENML_JSON = 110


class House:
    """A gateway with the page, a broker of AWS's limits, one behind which Pelion's translator sits, and nodes."""

    def __init__(self, stage, sending=SENDING, cared_for=False, **nodes):
        pki = Pki(stage.folder / "pki")
        self.aws = Broker(stage, pki, "aws", "aws-roots", "dt/#", AWS_LIMITS)
        self.pelion = PelionBroker(stage, pki)
        for broker in (self.aws, self.pelion):
            broker.start()
        self.translator = Translator(stage, self.pelion).start()
        self.port = free_port()
        self.gateway = Gateway(stage, pki, {"aws": self.aws.url, "pelion": self.pelion.url},
                               {"gateway.http_port": str(self.port), **FAST}, own_forms=True,
                               fleet_overrides=INTERVAL if cared_for else None)
        if cared_for:
            with open(self.gateway.folder / "fleets.d" / f"{FLEET}.toml", "a") as fleet:
                fleet.write(TARIFF)
        file = self.gateway.import_devices(make_devices(SENDING + 1))
        self.gateway.start()
        self.nodes = Nodes(stage, self.gateway.address, file, nodes=sending, interval=0.5, handshake_timeout_min=1,
                           ack_timeout=1, **nodes) if sending else None
        self.origin = f"http://127.0.0.1:{self.port}"

    def ask(self, path):
        with urllib.request.urlopen(self.origin + path, timeout=20) as response:
            return json.load(response)

    def leave(self):
        if self.nodes:
            self.nodes.process.kill()
        self.gateway.stop()


def opened(stage, house, path="/"):
    browser = Browser(stage, house.origin)
    browser.open(path)
    browser.wait_for("document.getElementById('live').textContent === 'live'", "the page to be live")
    return browser


def number(text):
    return float(re.sub(r"[^\d.]", "", text))


def lane(browser, name):
    """What the page says of a stage or an upstream: {state, figure, words, trouble}."""
    return browser.run("""
        const card = [...document.querySelectorAll(".card")].find((one) =>
          one.querySelector("strong").textContent === arguments[0]);
        return card && {state: card.querySelector(".state").textContent, figure: card.querySelector(".figure").textContent,
          words: card.innerText, trouble: card.querySelector(".trouble").innerText};""", name)


def wait_for_lane(browser, name, holds, what, seconds=30):
    try:
        return wait_for(lambda: (lambda found: found if found and holds(found) else None)(lane(browser, name)), seconds,
                        what, 0.2)
    except Exception as failure:
        raise type(failure)(f"{failure}; it says {lane(browser, name)}") from None


def the_overview_is_true_and_lives(stage):
    house = House(stage)
    with opened(stage, house) as browser:
        browser.run("window.never_reloaded = true;")
        # Health is a sentence, the gateway's own.
        browser.wait_for("/^All is well(\\.| here; )/.test(document.getElementById('sentence').textContent)", "health", 60)
        check(house.ask("/v1/status")["well"], "the page says that all is well, the gateway does not")
        check(browser.text("#announced") is not None, "nobody is told of health")

        for upstream in ("aws", "pelion"):
            wait_for_lane(browser, upstream, lambda found: found["state"].startswith("✓ connected for ") and
                          re.search(r"readings? waits?.*(up to date|behind by)", found["words"], re.S) and
                          re.search(r"[1-9]\d* delivered", found["words"]), f"the lane of {upstream}")
        wait_for_lane(browser, "Nodes", lambda found: number(found["figure"]) == SENDING, "the sessions")

        # Rates move by themselves: 5 nodes, a reading each half second.
        wait_for_lane(browser, "Gateway", lambda found: 400 < number(found["figure"]) < 700, "the rate", 90)
        acknowledged = "parseInt(document.querySelectorAll('.card')[1].innerText.match(/([\\d,]+) ack/)[1].replace(',', ''))"
        before = browser.run(f"return {acknowledged};")
        browser.wait_for(f"{acknowledged} > arguments[0] + 5", "the count to grow", 20, before)
        house.nodes.process.kill()
        wait_for_lane(browser, "Gateway", lambda found: number(found["figure"]) < 300, "the rate to fall", 90)
        check(browser.run("return window.never_reloaded;"), "the page was loaded anew")

        # Charts have axes, a legend, words; and what they draw came from the history.
        browser.wait_for("document.querySelector('#chart-readings-readings')?.getAttribute('d').length > 20", "a line")
        check(len(browser.texts("#chart-readings text")) >= 6, "the chart has no labels")
        legend = [text.strip() for text in browser.texts("#charts .legend li")]
        check(legend == ["acknowledged", "delivered, all upstreams together", "established", "failed"],
              f"legend: {legend}")
        words = browser.text("#chart-handshakes-words")
        check(re.match(r"\d+ established, 0 failed in the last \d+", words), f"the chart says {words!r}")
        end_of_hour = browser.text("#chart-readings text:nth-of-type(4)")
        browser.run("document.getElementById('show-day').click();")
        check(browser.run("return document.getElementById('show-day').getAttribute('aria-pressed');") == "true" and
              browser.text("#chart-readings text:nth-of-type(4)") != end_of_hour, "Day shows what Hour did")

        # The funnel: all came through but one with a wrong key, who ends before Finished.
        rows = browser.texts("#funnel tr")
        check(len(rows) == 4 and all(re.search(rf"\b{SENDING}\b.*100 %", row, re.S) for row in rows), f"funnel: {rows}")
        CoapClient("gnutls", house.gateway.address, "wm-0001", "not-its-right-key").ask("get", "time", seconds=3)
        browser.wait_for("/1 (refused|timed out)/.test(document.querySelectorAll('#funnel tr')[1].innerText)",
                         "the handshake that failed, in the funnel", 40)
        rows = browser.texts("#funnel tr")
        check(re.search(rf"\b{SENDING + 1}\b.*100 %", rows[0], re.S) and re.search(rf"\b{SENDING}\b", rows[3]),
              f"funnel: {rows}")
        browser.check_clean()
    house.leave()


def a_broker_that_stops_is_seen(stage):
    house = House(stage)
    with opened(stage, house) as browser:
        well = "/^All is well(\\.| here; )/.test(document.getElementById('sentence').textContent)"
        browser.wait_for(well, "health", 60)
        check(re.match(r"All is well(\.| here; )", browser.text("#announced")), f"announced: {browser.text('#announced')}")
        browser.run("""window.spoken = [];
            new MutationObserver(() => window.spoken.push(document.getElementById("announced").textContent))
              .observe(document.getElementById("announced"), {childList: true, characterData: true, subtree: true});""")
        house.aws.stop()
        found = wait_for_lane(browser, "aws", lambda found: found["state"].startswith("✕ down for ") and
                              number(found["figure"]) > 10, "the lane of aws to say that it is down")
        check(re.search("refused|closed the connection", found["trouble"]) and "behind by" in found["words"], f"lane: {found}")
        check(lane(browser, "pelion")["state"].startswith("✓ connected"), f"pelion: {lane(browser, 'pelion')}")
        health = browser.run("return document.getElementById('sentence').textContent;")
        check(health.startswith("Upstream aws has been down for "), f"health: {health}")
        check(browser.run("return document.querySelector('.health').className;") == "health unwell", "it looks well")
        check(browser.run("return document.title;").startswith("! "), "the title does not say so")
        # It goes on counting seconds, and says so aloud no more.
        later = "document.getElementById('sentence').textContent !== arguments[0]"
        for _ in range(3):
            browser.wait_for(later, "the sentence to go on", 20,
                             browser.run("return document.getElementById('sentence').textContent;"))
        spoken = browser.run("return window.spoken;")
        check(1 <= len(spoken) <= 2 and spoken[-1].startswith("Upstream aws"), f"a screen reader says {spoken}")
        house.aws.start()
        browser.wait_for(well, "health again", 60)
        wait_for_lane(browser, "aws", lambda found: found["state"].startswith("✓ connected for ") and
                      "up to date" in found["words"] and not found["trouble"], "the lane of aws again", 60)
        check(re.match(r"All is well(\.| here; )", browser.text("#announced")), f"announced: {browser.text('#announced')}")
        browser.check_clean()

        # The gateway itself goes and comes.
        house.gateway.stop()
        browser.wait_for("document.getElementById('live').textContent === 'not connected' && "
                         "/does not answer/.test(document.getElementById('sentence').textContent)", "the gateway's end")
        check("does not answer" in browser.text("#announced"), "nobody is told that the gateway is gone")
        house.gateway.start()
        browser.wait_for("document.getElementById('live').textContent === 'live' && " + well, "the gateway again", 60)
        browser.check_clean(["net::ERR_"])
    house.leave()


def a_device_has_a_page(stage):
    house = House(stage)
    with opened(stage, house) as browser:
        browser.wait_for("document.querySelectorAll('#devices tr').length === arguments[0]", "the devices", 20, SENDING + 1)
        browser.run("document.getElementById('find').focus();")
        browser.press(*"0002")
        browser.wait_for("document.querySelectorAll('#devices tr').length === 1", "the device that was sought")
        browser.press("Tab")
        check(browser.run("return document.activeElement.innerText;") == "wm-0002", "Tab goes past the device")
        browser.press("Enter")
        browser.wait_for("document.getElementById('overview').hidden && document.activeElement.id === 'device-title'",
                         "the device's page, and the focus there")
        # Its readings as they come, its session, its handshake step by step.
        browser.wait_for("document.querySelectorAll('#readings tr').length >= 3", "readings")
        check(re.search(r"seq \d+\s+t [\d.-]+ Cel\s+v \d+ l", browser.text("#readings tr")),
              f"a reading: {browser.text('#readings tr')!r}")
        browser.wait_for("/shook hands/.test(document.getElementById('device-happened').innerText)", "what happened")
        check(re.search(r"127\.0\.0\.1:\d+\s+[\d.]+ k?B", browser.text("#device-sessions")), "no session")
        check(re.search(r"first\s+127\.0\.0\.1:\d+\s+.* ms\s+\d+ B", browser.text("#device-past")),
              f"handshakes: {browser.text('#device-past')!r}")
        check(browser.text("#traces summary").startswith("✓ Established"), "no trace")
        parts = browser.texts(".trace tbody tr td:last-child")
        check(parts == ["ClientHello", "ServerHello, ServerHelloDone", "ClientKeyExchange, ChangeCipherSpec, Finished",
                        "ChangeCipherSpec, Finished"], f"the trace's parts: {parts}")
        for leave in (lambda: browser.press("Escape"), browser.back):
            leave()
            browser.wait_for("document.getElementById('device').hidden && document.activeElement.innerText === 'wm-0002'",
                             "the overview, and the focus where it was")
            browser.press("Enter")
            browser.wait_for("document.activeElement.id === 'device-title'", "the device's page again")
        page_looks.is_for_everybody(browser)
        # The one that was never heard, asked for by its name.
        browser.run("location.hash = 'device=' + arguments[0];", SILENT)
        browser.wait_for("/never|no handshake|nothing/i.test(document.getElementById('device-happened').innerText)",
                         "what is known of a silent device")
        check(browser.text("#device-advice"), "nothing is advised for a silent device")
        check("no session" in browser.text("#device-sessions"), "a silent device has a session")
        browser.check_clean()
    house.leave()


def what_a_device_said_before_is_on_its_page(stage):
    house = House(stage)
    name, path = "wm-0003", "/v1/devices/wm-0003"
    wait_for(lambda: len(house.ask(path)["device"]["exchanges"] or []) >= 3, 60, "exchanges of the device")
    guest = "guest-1"
    table = stage.folder / "guest.csv"
    table.write_text(f"identity,fleet,psk_hex\n{guest},{FLEET},{HOSTILE_KEY.encode().hex()}\n")
    table.chmod(0o600)
    status, output = house.gateway.command("device", "import", table)
    check(status == 0, f"{output}")
    CoapClient("gnutls", house.gateway.address, guest, HOSTILE_KEY).ask("post", "no/<script>x", b"1", 0)
    house.nodes.process.kill()
    house.nodes.process.wait()
    past = house.ask(path)["device"]["exchanges"]
    check(past == sorted(past, key=lambda one: one["at"], reverse=True) and len(past) <= 20, f"exchanges: {past}")
    check(all(one["identity"] == name for one in past), f"others' exchanges: {past}")
    check(len(house.ask(path + "?exchanges=1")["device"]["exchanges"]) == 1, "asked for one exchange")
    check(house.ask(path + "?verdict=no&exchanges=2")["device"]["exchanges"] == past[:2], "device show has others")
    with opened(stage, house) as browser:
        browser.run("location.hash = 'device=' + arguments[0];", name)
        browser.wait_for("document.querySelectorAll('#device-exchanges tr').length === arguments[0] && "
                         "!document.querySelector('#device-exchanges [colspan]')", "its exchanges", 20, len(past))
        check(browser.run("return document.querySelectorAll('#readings tr').length;") == 0, "it speaks still")
        rows = browser.texts("#device-exchanges tr")
        check(all(re.search(r"POST\s+/telemetry\s+2\.04\s.*\d+ B\s+\d+ B\s.*ms$", row, re.S) for row in rows), f"{rows}")
        times = browser.run("return [...document.querySelectorAll('#device-exchanges time')].map((one) => one.dateTime);")
        check([one["at"][:19] for one in past] == [when[:19] for when in times], f"{times} are not those of {past}")
        browser.run("location.hash = 'device=' + arguments[0];", guest)
        browser.wait_for("/POST\\s+\\/no\\/[^]*4\\.0[34]\\s+refused/.test("
                         "document.getElementById('device-exchanges').innerText)", "a refusal")
        check(browser.run("return typeof window.broken_in;") == "undefined" and
              not browser.run("return document.querySelector('#device-exchanges script');"), "a path became markup")
        page_looks.fits_a_phone(browser)
        browser.check_clean()
    status, output = house.gateway.command("device", "show", name, "--exchanges", "1")
    check(status == 0 and len(re.findall(r"POST /telemetry +2\.04", output)) == 1, f"device show: {output}")
    house.leave()


def fleets_are_cared_for(stage):
    house = House(stage, cared_for=True, loss=0.1)
    with opened(stage, house) as browser:
        # All but one were heard; what they cost; who sends things again.
        browser.wait_for("document.getElementById('fleets-rows').innerText.includes(arguments[0])", "the fleet", 60,
                         f"{SENDING} of {SENDING + 1}, 1 never")
        check(browser.text("#fleets-rows th") == FLEET, f"fleets: {browser.text('#fleets-rows')}")
        browser.wait_for("/\\d kB\\s+[\\d.]+ k?B\\s+0\\.\\d\\d EUR[^]*5 devices over it/.test("
                         "document.getElementById('fleets-rows').innerText)", "the month's bytes and cost", 60)
        check("✓ none" in browser.text("#fleets-rows") and "✓ Every device" in browser.text("#silent-rows"),
              f"somebody is silent: {browser.text('#fleets-rows')}; {browser.text('#silent-rows')}")
        browser.wait_for("document.querySelectorAll('#costly-rows a').length === 5", "those over their tariff", 60)
        browser.wait_for("/wm-000\\d[^]*\\d %\\s*\\(\\d+ of \\d+\\)[^]* ms/.test("
                         "document.getElementById('slow-rows').innerText)", "a device that sends again", 60)
        month = house.ask("/v1/fleets")["month"]
        check(month in browser.text("#fleets-words"), f"month {month}: {browser.text('#fleets-words')}")

        house.nodes.process.kill()
        browser.wait_for("document.querySelectorAll('#silent-rows a').length === arguments[0]", "silent devices", 90, SENDING)
        browser.wait_for("document.querySelectorAll('#fleets-rows td')[1].innerText.startsWith(arguments[0])",
                         "their count", 60, f"✕ {SENDING}")
        listed = browser.texts("#silent-rows tr")
        check(all(re.search(r"wm-000[1-5]\s.*\s\d+ s ago\s+\d+\s+8 s$", row, re.S) for row in listed), f"silent: {listed}")
        page_looks.is_readable_in_both_schemes(browser)
        page_looks.fits_a_phone(browser)
        page_looks.is_named_for_a_screen_reader(browser)

        browser.run("document.querySelector('#silent-rows a').focus();")
        name = browser.run("return document.activeElement.innerText;")
        browser.press("Enter")
        browser.wait_for("/Last heard\\s+\\d+ s ago/.test(document.getElementById('device-figures').innerText)", "figures")
        figures = browser.text("#device-figures")
        its = house.ask(f"/v1/devices/{name}")
        its = its.get("figures") or its["device"]["figures"]
        for pattern in (rf"Readings\s+{its['readings']}\b", rf"of {its['requests']} requests", r"due every 8 s",
                        rf"Handshakes\s+{its['handshakes']}\b", r"This month\s+[\d.]+ kB up, [\d.]+ k?B down",
                        r"On air this month\s+[\d.]+ kB of 1 kB", r"0\.\d\d EUR"):
            check(re.search(pattern, figures), f"{pattern} is not in {figures!r}, which shows {its}")
        browser.press("Escape")
        browser.wait_for("document.activeElement.innerText === arguments[0] && "
                         "document.activeElement.closest('#silent')", "the focus where it was", 10, name)
        browser.check_clean()
    house.leave()


def hostile_texts_stay_texts(stage):
    house = House(stage, sending=0)
    table = stage.folder / "hostile.csv"
    quoted = ['"' + name.replace('"', '""') + '"' for name in HOSTILE]
    table.write_text("identity,fleet,psk_hex\n" + "".join(f"{name},{FLEET},{HOSTILE_KEY.encode().hex()}\n" for name in quoted))
    table.chmod(0o600)
    status, output = house.gateway.command("device", "import", table)
    check(status == 0, f"{output}")
    with opened(stage, house) as browser:
        guarded = "return [typeof window.broken_in, document.querySelectorAll('main script, main img, .foreign *').length];"
        browser.wait_for("document.querySelectorAll('#devices tr').length === arguments[0]", "the devices", 20,
                         SENDING + 1 + len(HOSTILE))
        names = browser.texts("#devices th")
        for name in HOSTILE[:3] + HOSTILE[4:]:
            check(name in names, f"{name!r} is not shown as it is: {names}")
        check("meter-⟨U+202E⟩gnp.exe⟨U+200B⟩" in names, f"what turns text round is not shown: {names}")
        check(browser.run(guarded) == ["undefined", 0], "a device's name became more than text")
        browser.resize(*PHONE)
        check(browser.run("return document.documentElement.scrollWidth;") <= PHONE[0], "a long name breaks the page")
        browser.resize(*DESKTOP)

        name = HOSTILE[1]
        browser.run("location.hash = 'device=' + encodeURIComponent(arguments[0]);", name)
        browser.wait_for("document.getElementById('device-title').innerText === arguments[0] && "
                         "document.getElementById('device-about').innerText.startsWith('Fleet ')", "its page", 20, name)
        client = CoapClient("gnutls", house.gateway.address, name, HOSTILE_KEY)
        senml = [{"n": "t", "u": text[:64], "v": 1} for text in HOSTILE] + [{"n": "s", "vs": text} for text in HOSTILE]
        for payload, content_format in ((json.dumps(senml).encode(), SENML_JSON),
                                        (json.dumps({HOSTILE[0]: HOSTILE[1]}).encode(), 50),
                                        ("\n".join(HOSTILE).encode(), 0)):
            before = len(browser.texts("#readings tr"))
            answer = client.ask("post", "telemetry", payload, content_format)
            check(not re.search(r"[45]\.\d\d", answer), f"the gateway did not take it: {answer}")
            browser.wait_for("document.querySelectorAll('#readings tr').length > arguments[0]", "the reading", 20, before)
        shown = browser.text("#readings")
        for text in HOSTILE[:3]:
            check(shown.count(text) >= 2, f"{text!r} is not shown as it is: {shown}")
        check("\u202e" not in shown and "⟨U+202E⟩" in shown, f"what turns text round is not shown: {shown}")
        browser.wait_for("document.querySelectorAll('#traces summary').length >= 1", "its handshakes")
        check(browser.run(guarded) == ["undefined", 0], "a reading became more than text")

        # A stranger: his identity stands in the trace of a handshake that failed.
        stranger = f"<img src=x onerror={MARK}>stranger"
        CoapClient("gnutls", house.gateway.address, stranger, HOSTILE_KEY).ask("get", "time", seconds=3)
        browser.run("location.hash = 'device=127.0.0.1';")
        browser.wait_for("document.getElementById('traces').textContent.includes(arguments[0])", "the stranger", 30, stranger)
        check(browser.run(guarded) == ["undefined", 0], "a stranger's identity became more than text")
        browser.check_clean()
    house.leave()


def without_a_place_it_asks(stage):
    """All places for live views are taken: the page asks, says so, and follows once there is one."""
    house = House(stage, sending=1)
    views = [urllib.request.urlopen(house.origin + "/v1/events", timeout=20) for _ in range(LIVE_VIEWS)]
    with Browser(stage, house.origin) as browser:
        browser.open()
        browser.wait_for("document.getElementById('live').textContent === 'every 5 s'", "the page to say that it asks")
        wait_for_lane(browser, "Nodes", lambda found: number(found["figure"]) == 1, "the session", 30)
        for view in views:
            view.close()
        browser.wait_for("document.getElementById('live').textContent === 'live'", "the page to be live", 30)
        browser.check_clean([" 503 "])
    house.leave()


def it_is_for_everybody(stage):
    house = House(stage)
    with opened(stage, house) as browser:
        browser.wait_for("document.querySelectorAll('#devices tr').length > 3 && "
                         "document.querySelectorAll('#upstreams li').length === 2", "the overview")
        browser.wait_for("document.querySelector('#chart-readings path')", "the charts")
        page_looks.is_for_everybody(browser)
        # Red and amber are texts, too.
        house.aws.stop()
        wait_for_lane(browser, "aws", lambda found: found["trouble"], "trouble")
        page_looks.is_readable_in_both_schemes(browser)
        page_looks.fits_a_phone(browser)
        browser.check_clean()
    house.leave()


def screenshots(stage, folder):
    folder.mkdir(parents=True, exist_ok=True)
    house = House(stage, cared_for=True, loss=0.05)
    house.aws.stop()
    CoapClient("gnutls", house.gateway.address, "wm-0001", "not-its-right-key").ask("get", "time", seconds=3)
    with opened(stage, house) as browser:
        browser.wait_for("/last ([4-9]\\d|1\\d\\d) s/.test(document.getElementById('chart-readings-words').innerText)",
                         "40 s of history", 120)
        for page in ("", "device=wm-0002"):
            browser.run("location.hash = arguments[0];", page)
            if page:
                browser.wait_for("document.querySelectorAll('#readings tr').length > 5", "readings")
            for scheme in ("light", "dark"):
                for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
                    browser.prefer(color_scheme=scheme, reduced_motion="reduce")
                    browser.resize(*size)
                    browser.wait_for("document.querySelector('#overview').hidden || "
                                     "document.querySelector('#chart-readings').viewBox.baseVal.width === "
                                     "document.querySelector('#chart-readings').clientWidth", "the charts' size")
                    browser.screenshot(folder / f"{page.split('=')[0] or 'overview'}-{name}-{scheme}.png")
    house.leave()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--screenshots"]:
        folder, sys.argv = pathlib.Path(sys.argv[2]), sys.argv[:1]

        def making_pictures(stage):
            screenshots(stage, folder)
        sys.exit(play(making_pictures))
    sys.exit(play(the_overview_is_true_and_lives, a_broker_that_stops_is_seen, a_device_has_a_page,
                  what_a_device_said_before_is_on_its_page,
                  fleets_are_cared_for, hostile_texts_stay_texts, without_a_place_it_asks,
                  it_is_for_everybody))
