// How far handshakes came: each step with what was lost there.

import {at, cell, element, head, keep, numberCell, row, say} from "./dom.js";
import {count, percent, plural} from "./words.js";

const kSteps = ["client_hello", "client_key_exchange", "finished", "commit"];
const kLost = {timed_out: "timed out", refused: "refused", displaced: "begun anew by the node", revoked: "revoked"};

// What came so far, and where a handshake that waits for the next thing ends.
function stepsOf(status) {
  const ends = status.handshake_ends;
  const place = (end) => (end.outcome === "established" ? kSteps.length : kSteps.indexOf(end.step));
  const cameTo = (step) => ends.filter((end) => place(end) >= step).reduce((sum, end) => sum + end.count, 0);
  const lostAt = (step) => ends.filter((end) => place(end) === step);
  return [
    {key: "begun", words: "ClientHello with a good cookie", came: cameTo(0), lost: [...lostAt(0), ...lostAt(1)]},
    {key: "key", words: "ClientKeyExchange", came: cameTo(2), lost: lostAt(2)},
    {key: "finished", words: "Finished, under the right key", came: cameTo(3), lost: lostAt(3)},
    {key: "established", words: "Session on disk: established", came: cameTo(4), lost: []},
  ];
}

function makeStep(step) {
  const bar = element("div", "bar");
  bar.setAttribute("aria-hidden", "true");
  bar.append(element("div", "bar-full"));
  return row(head(step.words), numberCell(""), cell(element("div", "share", bar, " ", element("span", "share-words")), "wide"),
    cell("", "lost"));
}

function updateStep(node, step, begun) {
  const share = begun > 0 ? step.came / begun : 0;
  say(node.querySelector(".number"), count(step.came));
  node.querySelector(".bar-full").style.inlineSize = `${(100 * share).toFixed(1)}%`;
  say(node.querySelector(".share-words"), begun > 0 ? percent(share) : "–");
  const lost = step.lost.map((end) => `${count(end.count)} ${kLost[end.outcome] || end.outcome}`).join(", ");
  say(node.querySelector(".lost"), lost || "–");
}

export function showFunnel(status) {
  const steps = stepsOf(status);
  const begun = steps[0].came;
  keep(at("funnel"), steps, (step) => step.key, makeStep, (node, step) => updateStep(node, step, begun));
  const words = [`Since the start. ${plural(status.uplink.fates.hello_verify || 0, "first ClientHello was", "first ClientHellos were")} ` +
    "answered with a cookie."];
  if (status.handshakes_in_progress > 0) words.push(`${count(status.handshakes_in_progress)} in progress.`);
  if (status.uplink.handshakes_not_admitted > 0)
    words.push(`${count(status.uplink.handshakes_not_admitted)} were not admitted.`);
  say(at("funnel-words"), words.join(" "));
}
