// The way of a reading: the gateway's stages, then each upstream with its lag.

import {at, element, foreign, keep, say} from "./dom.js";
import {bytes, count, plural, rate, secondsBetween, since} from "./words.js";

// Of upstreams, those in trouble first.
const kMostUpstreams = 24;

const kMarks = {well: "✓", wait: "!", unwell: "✕"};

// {key, title, state, word, figure, unit, lines, trouble}: one card. Its parts stay, their texts change.
function makeCard(card) {
  const made = element("li", "card");
  made.append(
    element("div", "card-head", element("strong", null, foreign(card.title)), element("span", "state")),
    element("div", "card-figure", element("span", "figure"), " ", element("span", "unit")),
    element("div", "card-lines"), element("div", "trouble"));
  return made;
}

function updateCard(node, card) {
  node.className = `card ${card.state}`;
  say(node.querySelector(".state"), card.word ? `${kMarks[card.state]} ${card.word}` : "");
  say(node.querySelector(".figure"), card.figure);
  say(node.querySelector(".unit"), card.unit);
  keep(node.querySelector(".card-lines"), card.lines, (line) => line.key,
    () => element("div", "quiet"), (box, line) => say(box, line.text));
  const trouble = node.querySelector(".trouble");
  const words = card.trouble ? foreign(card.trouble).textContent : "";
  say(trouble, words);
  trouble.hidden = !words;
}

const lines = (...texts) => texts.filter(Boolean).map((text, key) => ({key, text}));

function stages(status) {
  const {store, uplink} = status;
  const refused = uplink.refused > 0;
  return [
    {key: "nodes", title: "Nodes", state: "well", figure: count(status.sessions), unit: "sessions",
      lines: lines(`of ${plural(status.devices, "device", "devices")}`,
        `${plural(status.handshakes_in_progress, "handshake", "handshakes")} in progress`,
        status.load.loading ? `loading: ${count(status.load.sessions)} of ${count(status.load.sessions_total)}` : "")},
    {key: "gateway", title: "Gateway", state: refused ? "wait" : "well", word: refused ? "refused some" : "",
      figure: rate(status.readings_per_minute), unit: "readings a minute",
      lines: lines(`${count(uplink.readings)} acknowledged since the start`,
        refused ? `${count(uplink.refused)} refused: the store was full` : "",
        uplink.requests_refused > 0 ? `${plural(uplink.requests_refused, "bad request", "bad requests")}` : "")},
    {key: "store", title: "Store", state: store.full || store.disk_full ? "unwell" : store.over_age ? "wait" : "well",
      word: store.disk_full ? "disk full" : store.full ? "full" : store.over_age ? "over age" : "",
      figure: count(store.waiting_readings), unit: store.waiting_readings === 1 ? "reading waits" : "readings wait",
      lines: lines(`${bytes(store.waiting_bytes)} of ${bytes(store.max_bytes)}`,
        store.oldest ? `the oldest for ${since(store.oldest, status.now)}` : "none is late",
        `last commit ${(store.last_commit_us / 1000).toFixed(1)} ms`)},
  ];
}

// As the health's sentence counts: what waits for longer than a minute.
const kLate = 60;
// Readings that wait for others to go with them, and those whose PUBACK is on its way, are no lag.
const kInTime = 5;

function lagOf(upstream, up, now) {
  if (!upstream.oldest || (up && secondsBetween(upstream.oldest, now) < kInTime)) return "up to date";
  return `behind by ${since(upstream.oldest, now)}`;
}

function upstreamCard(upstream, now) {
  const up = upstream.connected && !upstream.paused;
  const waiting = upstream.waiting_readings;
  const late = up && upstream.oldest && secondsBetween(upstream.oldest, now) > kLate;
  const word = upstream.paused ? "paused" : !upstream.connected ? "down" : late ? "behind" : "connected";
  const days = upstream.certificate_days_left;
  return {
    key: upstream.name, title: upstream.name, state: !up ? "unwell" : late || upstream.dead_letters > 0 ? "wait" : "well",
    word: upstream.since ? `${word} for ${since(upstream.since, now)}` : word,
    figure: count(waiting), unit: waiting === 1 ? "reading waits" : "readings wait",
    lines: lines(lagOf(upstream, up, now),
      `${count(upstream.delivered)} delivered` +
        (upstream.metered_units > 0 ? `, ${plural(upstream.metered_units, "unit", "units")} of 5 KB` : ""),
      upstream.dead_letters > 0 ? `${plural(upstream.dead_letters, "dead letter", "dead letters")}` : "",
      upstream.dropped > 0 ? `${count(upstream.dropped)} dropped` : "",
      translator(upstream.translator),
      days === null || days === undefined ? "" :
        days < 0 ? "certificate has expired" : `certificate: ${plural(days, "day", "days")} left`),
    trouble: up ? "" : upstream.trouble || "not connected yet",
  };
}

function translator(its) {
  if (!its || !its.used) return "";
  return its.ready ? `translator: ${count(its.registered)} of ${plural(its.nodes, "node", "nodes")} registered` :
    "its translator does not take values";
}

export function showLanes(status) {
  keep(at("stages"), stages(status), (card) => card.key, makeCard, updateCard);
  const cards = status.upstreams.map((upstream) => upstreamCard(upstream, status.now));
  const rank = {unwell: 0, wait: 1, well: 2};
  // Few stay where they are, whatever befalls them.
  const shown = cards.length <= kMostUpstreams ? cards :
    cards.sort((a, b) => rank[a.state] - rank[b.state]).slice(0, kMostUpstreams);
  keep(at("upstreams"), shown, (card) => card.key, makeCard, updateCard);
  const left = cards.length - shown.length;
  say(at("upstreams-more"), cards.length === 0 ? "No upstream is configured." :
    left > 0 ? `and ${count(left)} more: narrowgate upstreams` : "");
}
