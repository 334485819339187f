# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by WebDriver (W3C) with what Python has itself; Debian's chromium and chromium-driver."""

import base64
import json
import os
import re
import shutil
import signal
import urllib.error
import urllib.request

from stage import Failure, Skip, check, end, tail, wait_for

# Code points that WebDriver gives to keys without a character (section 17.4.2).
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Shift": "\ue008", "Escape": "\ue00c"}
PHONE = (360, 740)
DESKTOP = (1280, 900)

# The browser asks nobody on the network for anything of its own, and finds no name.
ARGUMENTS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-default-apps", "--no-default-browser-check", "--lang=en",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Browser:
    """One window of one chromedriver; leave it with `with`, which ends both."""

    def __init__(self, stage, origin):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                raise Skip(f"there is no {program} here: scripts/setup browser")
        self.origin = origin
        self.folder = stage.folder / "browser"
        self.folder.mkdir()
        self.log = stage.folder / "chromedriver.log"
        self.profile = self.folder / "profile"
        # A home of its own: nothing of a person's browser is read or left behind.
        self.process = stage.start(["chromedriver", "--port=0"], self.log, start_new_session=True,
                                   env={**os.environ, "HOME": str(self.folder), "TZ": "UTC"})
        port = wait_for(lambda: re.search(r"started successfully on port (\d+)", tail(self.log, 30)), 60,
                        f"chromedriver:\n{tail(self.log)}")[1]
        self.driver = f"http://127.0.0.1:{port}"
        self.session = None
        arguments = [*ARGUMENTS, f"--user-data-dir={self.profile}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium does not run as root with one
        options = {"args": arguments, "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False}}
        try:
            self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]
        except BaseException:
            self._end()
            raise
        self.resize(*DESKTOP)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._command("DELETE", "", None)
        except (Failure, OSError):
            pass  # it is ended below all the same
        self._end()

    def _end(self):
        end(self.process)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # what is left of the browser that it started
        except ProcessLookupError:
            pass

    def _ask(self, method, path, body):
        request = urllib.request.Request(self.driver + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failure(f"the browser refused {method} {path}: {value['error']}: {value['message']}") from None

    def _command(self, method, path, body):
        return self._ask(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path="/"):
        self._command("POST", "/url", {"url": self.origin + path})

    def back(self):
        self._command("POST", "/back", {})

    def run(self, script, *arguments):
        """The value that the script, a function's body, returns."""
        return self._command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        """What a person reads there; None when there is no such thing."""
        return self.run("const found = document.querySelector(arguments[0]);"
                        "return found && (found.innerText ?? found.textContent);", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText ?? one.textContent);", selector)

    def wait_for(self, script, what, seconds=20, *arguments):
        """Until the expression is true; its value."""
        try:
            return wait_for(lambda: self.run(f"return {script};", *arguments), seconds, what, 0.1)
        except Failure as failure:
            raise Failure(f"{failure}; the page says:\n{self.text('body')}") from None

    def press(self, *keys):
        """Keys by their names; with "Shift" first, Shift is held."""
        held = [KEYS["Shift"]] if keys[0] == "Shift" else []
        actions = [{"type": "keyDown", "value": key} for key in held]
        for key in keys[len(held):]:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        actions += [{"type": "keyUp", "value": key} for key in held]
        self._command("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def resize(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)

    def prefer(self, **features):
        """`color_scheme="dark"`, `reduced_motion="reduce"`: what the person's system says."""
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-" + name.replace("_", "-"), "value": value} for name, value in features.items()])

    def accessibility(self):
        """What a screen reader is told: the nodes that are not ignored, in reading order."""
        nodes = self.devtools("Accessibility.getFullAXTree")["nodes"]
        by_id = {node["nodeId"]: node for node in nodes}
        found, waiting = [], [node for node in nodes if "parentId" not in node]
        while waiting:
            node = waiting.pop()
            if not node.get("ignored"):
                found.append({"role": node.get("role", {}).get("value", ""), "name": node.get("name", {}).get("value", ""),
                              "properties": {one["name"]: one["value"].get("value") for one in node.get("properties", [])}})
            waiting += [by_id[child] for child in reversed(node.get("childIds", [])) if child in by_id]
        return found

    def screenshot(self, file):
        """The whole page, beyond the window too."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        image = self.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                              clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        file.write_bytes(base64.b64decode(image["data"]))

    def _log(self, kind):
        return self._command("POST", "/se/log", {"type": kind})

    def check_clean(self, allowed=()):
        """Nothing was wrong on the console since the last look, and no request left the origin."""
        complaints = [entry["message"] for entry in self._log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        complaints = [text for text in complaints if not any(re.search(pattern, text) for pattern in allowed)]
        check(not complaints, "the browser complains:\n" + "\n".join(complaints))
        asked = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        # The browser's own first tab is none of our documents.
        urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"
                and event["params"]["documentURL"].startswith(self.origin + "/")]
        check(urls, "no request of the page was seen: this check checks nothing")
        strangers = {url for url in urls if not url.startswith(self.origin + "/")}
        check(not strangers, f"the page asked elsewhere: {strangers}")
