# SPDX-License-Identifier: Apache-2.0
"""What the status page must be like for everybody, whatever it shows: measured in the browser.

Each function raises a Failure that says what is wrong where.
"""

from browser import DESKTOP, PHONE
from stage import check

# Text of whatever size (WCAG 2.2, success criterion 1.4.3, asks for less of large text).
LEAST_CONTRAST = 4.5
LEAST_TARGET = 40  # CSS pixels, both ways

# Every text's contrast against what lies behind it: colours of the element and its ancestors, one over the other.
CONTRASTS = r"""
const parse = (text) => {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return {r, g, b, a};
};
const over = (top, below) => ({r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a),
  b: top.b * top.a + below.b * (1 - top.a), a: 1});
const behind = (node) => {
  const layers = [];
  for (let one = node; one instanceof Element; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    layers.push(colour);
    if (colour.a === 1) break;
  }
  return layers.reduceRight((below, layer) => over(layer, below), {r: 255, g: 255, b: 255, a: 1});
};
const luminance = (colour) => {
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(colour.r) + 0.7152 * part(colour.g) + 0.0722 * part(colour.b);
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const words = walk.currentNode.textContent.trim();
  const node = walk.currentNode.parentElement;
  if (!words || !node.checkVisibility() || node.closest("script, noscript, .hidden, .skip")) continue;
  const style = getComputedStyle(node);
  const below = behind(node);
  const text = over(parse(node instanceof SVGElement ? style.fill : style.color), below);
  const [light, dark] = [luminance(text), luminance(below)].sort((a, b) => b - a);
  found.push({words, contrast: (light + 0.05) / (dark + 0.05)});
}
const input = document.getElementById("find");
if (input.checkVisibility()) {
  const [light, dark] = [luminance(parse(getComputedStyle(input, "::placeholder").color)),
    luminance(behind(input))].sort((a, b) => b - a);
  found.push({words: input.placeholder, contrast: (light + 0.05) / (dark + 0.05)});
}
return found;
"""

# What can be used, with its size; targets in a sentence would be exempt, and there are none.
TARGETS = r"""
return [...document.querySelectorAll("a[href], button, input, summary")].filter((one) => one.checkVisibility() &&
  !one.classList.contains("skip")).map((one) => {
    const {width, height} = one.getBoundingClientRect();
    return {words: one.innerText || one.id, width, height};
  });
"""

# The places where the keyboard must stop, in their order: {key, words}.
STOPS = r"""
return [...document.querySelectorAll("a[href], button, input, summary")].filter((one) => one.checkVisibility())
  .map((one, i) => { one.dataset.stop = i; return one.innerText || one.id; });
"""
FOCUSED = r"""
const one = document.activeElement;
if (!one || one === document.body || one === document.documentElement) return null;
const style = getComputedStyle(one);
const box = one.getBoundingClientRect();
return {stop: one.dataset.stop === undefined ? null : Number(one.dataset.stop), words: one.innerText || one.id,
  outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth};
"""


def is_readable_in_both_schemes(browser):
    seen = {}
    for scheme in ("light", "dark"):
        browser.prefer(color_scheme=scheme, reduced_motion="reduce")
        texts = browser.run(CONTRASTS)
        check(len(texts) > 20, f"only {len(texts)} texts were looked at")
        pale = [one for one in texts if one["contrast"] < LEAST_CONTRAST]
        check(not pale, f"too little contrast in the {scheme} scheme: {pale}")
        seen[scheme] = browser.run("return getComputedStyle(document.body).backgroundColor;")
    check(seen["light"] != seen["dark"], f"the schemes are the same: {seen}")
    browser.prefer()


def fits_a_phone(browser):
    browser.resize(*PHONE)
    widths = browser.run("return [document.documentElement.scrollWidth, innerWidth];")
    check(widths[0] <= PHONE[0] == widths[1], f"a phone of {PHONE[0]} pixels has to scroll sideways: {widths}")
    targets = browser.run(TARGETS)
    check(len(targets) > 3, f"only {targets} can be tapped")
    small = [one for one in targets if min(one["width"], one["height"]) < LEAST_TARGET - 0.01]
    check(not small, f"too small for a finger: {small}")
    browser.resize(*DESKTOP)


def is_named_for_a_screen_reader(browser):
    nodes = browser.accessibility()
    roles = [node["role"] for node in nodes]
    for landmark in ("banner", "main", "contentinfo"):
        check(roles.count(landmark) == 1, f"{roles.count(landmark)} landmarks {landmark}")
    level = 0
    for heading in (node for node in nodes if node["role"] == "heading"):
        its = heading["properties"]["level"]
        check(its <= level + 1, f"heading {heading['name']!r} of level {its} follows one of level {level}")
        check(heading["name"], "a heading without words")
        level = its
    check(level > 1, "there are no headings")
    check("table" in roles, "there is no table")
    for role in ("table", "region", "link", "button", "searchbox", "DisclosureTriangle", "img", "image", "figure"):
        unnamed = [node for node in nodes if node["role"] == role and not node["name"].strip()
                   and role != "figure"]
        check(not unnamed, f"{len(unnamed)} of role {role} have no name")
    check("columnheader" in roles, "no table has column headers")
    live = [node for node in nodes if node["role"] == "status"]
    check(len(live) == 1 and live[0]["properties"].get("live") == "polite", f"live regions: {live}")
    focusable = [node for node in nodes if node["properties"].get("focusable") and not node["name"].strip()
                 and node["role"] not in ("RootWebArea", "main", "generic")]
    check(not focusable, f"can be focused and has no name: {focusable}")


def is_reached_by_keyboard(browser):
    """Tab stops at all that can be used, in the order of the page, where it can be seen; Shift+Tab goes back."""
    browser.run("document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges();")
    stops = browser.run(STOPS)
    check(len(stops) > 3, f"only {stops} can be used")
    browser.run("const skip = document.querySelector('.skip'); skip.focus();")
    visited = []
    for _ in range(len(stops) + 5):
        focused = browser.run(FOCUSED)
        if focused is None or (visited and focused["stop"] == 0):
            break
        check(focused["outlined"] and focused["seen"], f"nobody sees where the focus is: {focused}")
        if focused["stop"] is not None:  # else a table that scrolls
            visited.append(focused["stop"])
        browser.press("Tab")
    check(visited == list(range(len(stops))), f"Tab visited {visited} of {len(stops)}: {stops}")
    browser.run("document.querySelector(`[data-stop='${arguments[0]}']`).focus();", len(stops) - 1)
    browser.press("Shift", "Tab")
    back = browser.run(FOCUSED)
    check(back and back["stop"] in (None, len(stops) - 2), f"Shift+Tab went to {back}")


def stands_still_for_who_wants_that(browser):
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    browser.prefer(reduced_motion="no-preference")
    browser.wait_for(f"{moving} > 0", "something to move, where it may")
    browser.prefer(reduced_motion="reduce")
    browser.wait_for(f"{moving} === 0", "all to stand still", 5)
    lasting = browser.run("return [...document.querySelectorAll('*')].filter((one) => "
                          "getComputedStyle(one).transitionDuration !== '0s').map((one) => one.className);")
    check(not lasting, f"these still move: {lasting}")
    browser.prefer()


def is_for_everybody(browser):
    is_readable_in_both_schemes(browser)
    fits_a_phone(browser)
    is_named_for_a_screen_reader(browser)
    is_reached_by_keyboard(browser)
    stands_still_for_who_wants_that(browser)
