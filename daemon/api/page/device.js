// One device: what ails it, its figures, its readings as they come, its last exchanges, its sessions and handshakes.

import {ask, repeat, stream} from "./ask.js";
import {at, cell, element, emptyRow, foreign, numberCell, prose, row, say, time} from "./dom.js";
import {forgetTraces, showTraces} from "./traces.js";
import {bytes, clock, count, day, milliseconds, money, percent, plural, since, span} from "./words.js";

const kMostReadings = 20;
const kSeconds = 5;

let running = [];
let readings = 0;

function define(box, list) {
  box.replaceChildren(...list.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value, more]) => element("div", null, element("dt", null, name),
      element("dd", null, value, more ? element("span", "quiet", ` ${more}`) : null))));
}

const ago = (when) => time(when, `${since(when, Date.now())} ago`);

function monthOf(name, month) {
  if (!month) return [];
  if (month.datagrams === 0) return [[name, "nothing came"]];
  return [[name, `${bytes(month.bytes_up)} up, ${bytes(month.bytes_down)} down`,
    `of payload, in ${plural(month.datagrams, "datagram", "datagrams")}`]];
}

function tariffOf(tariff) {
  if (!tariff) return [];
  const used = tariff.included_bytes > 0 ? `${bytes(tariff.bytes_on_air)} of ${bytes(tariff.included_bytes)}` :
    bytes(tariff.bytes_on_air);
  return [["On air this month", used, `${bytes(tariff.forecast_bytes)} at its end, at this rate`],
    ["Cost this month", money(tariff.cost, tariff.currency), "beyond what is included"]];
}

function showFigures(figures) {
  if (!figures) return define(at("device-figures"), []);
  return define(at("device-figures"), [
    ["Last heard", figures.last_heard ? ago(figures.last_heard) : "never"],
    ["Missed reports", figures.interval_s ? count(figures.missed_total ?? figures.missed) : null,
      figures.interval_s ? `${figures.missed > 0 ? `${count(figures.missed)} in this silence; ` : ""}due every ${span(figures.interval_s)}` : ""],
    ["Readings", count(figures.readings)],
    ["Sent again", percent(figures.retransmission_ratio || 0),
      `${count(figures.retransmissions)} of ${plural(figures.requests, "request", "requests")}`],
    ["Handshakes", count(figures.handshakes),
      typeof figures.handshake_ms === "number" && figures.handshakes > 0 ? `the last took ${milliseconds(figures.handshake_ms)}` : ""],
    ["Address moved", `${plural(figures.address_moves, "time", "times")}`],
    ...monthOf("This month", figures.month), ...monthOf("Last month", figures.last_month),
    ...tariffOf(figures.tariff)]);
}

function sessionRow(one) {
  return row(cell(one.heard ? ago(one.heard) : "not yet"), cell(foreign(one.remote)), numberCell(bytes(one.bytes_up)),
    numberCell(bytes(one.bytes_down)), numberCell(count(one.address_moves), "wide"), numberCell(count(one.repeats), "wide"));
}

// What a fate is called where the code of the answer does not say it.
const kFates = {silent: "none was wanted", store_full: "the store is full", overloaded: "too much waits to be written",
  commit_failed: "none: not written", queue_full: "none: too much waits to be written",
  duplicate_answered: "as before", duplicate_in_progress: "none yet: a repetition", ping: "ping", stray: "not asked for",
  malformed: "not CoAP", unexpected_response: "not asked for", bad_option: "an option unknown",
  bad_block: "a bad block", proxy_request: "no proxy"};

function answerOf(one) {
  const words = [one.fate === "answered" ? (one.code ? "" : "ACK") : one.fate === "refused" ? "refused" :
    (kFates[one.fate] || String(one.fate || "").replaceAll("_", " ")),
  one.repeats > 0 ? `asked ${count(one.repeats + 1)} times` : ""].filter(Boolean).join(", ");
  return element("td", null, one.code, one.code && words ? " " : null, words ? element("span", "quiet", words) : null);
}

function exchangeRow(one) {
  return row(cell(time(one.at, day(one.at))),
    element("td", null, String(one.method || ""), " ", foreign(`/${one.path || ""}`), one.path_cut ? "…" : null), answerOf(one),
    numberCell(bytes(one.bytes_up), "wide"), numberCell(bytes(one.bytes_down), "wide"), numberCell(milliseconds(one.milliseconds)));
}

// `list` is null where the gateway could not look.
function showExchanges(list) {
  say(at("exchanges-words"), "The newest first, of what the gateway has in memory: none is from before its start, and where many " +
    "devices speak, none is old. Bytes are of the datagrams; the time is until the answer left, durable.");
  at("device-exchanges").replaceChildren(...(list && list.length > 0 ? list.map(exchangeRow) :
    [emptyRow(6, list ? "None is in memory." : "Not known at this moment.")]));
}

function pastRow(one) {
  return row(cell(time(one.at, day(one.at))), cell(String(one.reason || "").replaceAll("_", " ")),
    cell(foreign(one.remote), "wide"),
    numberCell(milliseconds(one.milliseconds)), numberCell(bytes(one.bytes_in), "wide"),
    numberCell(bytes(one.bytes_out), "wide"), numberCell(count(one.flights_again), "wide"));
}

function show(name, found) {
  const device = found.device;
  at("device-title").replaceChildren(foreign(device ? device.name : name));
  at("device-about").replaceChildren(...(device ? ["Fleet ", foreign(device.fleet), `, added ${day(device.added)}, `,
    device.credentials.length === 1 ? "identity " : "identities ",
    foreign(device.credentials.map((one) => one.identity).join(", "))] : ["No device of that name."]));
  at("device-happened").replaceChildren(...prose(found.happened, day));
  at("device-happened").className = `verdict ${found.finding === "ok" ? "well" : "wait"}`;
  define(at("device-advice"), [["Cause", found.cause ? element("span", null, ...prose(found.cause, day)) : ""],
    ["What to do", found.cure ? foreign(found.cure) : ""]]);
  showFigures((device && device.figures) || found.figures);
  const sessions = (device && device.sessions) || [];
  at("device-sessions").replaceChildren(...(sessions.length > 0 ? sessions.map(sessionRow) :
    [emptyRow(6, "It has no session: its next message is a handshake.")]));
  showExchanges(device ? device.exchanges : []);
  at("device-why").replaceChildren(...prose((device && device.why) || "", day));
  const past = (device && device.handshakes) || [];
  at("device-past").replaceChildren(...(past.length > 0 ? past.map(pastRow) : [emptyRow(7, "None is on record.")]));
  showTraces(found);
}

// A SenML record as "volume 17.25 m3"; what else a reading may be, as it is.
function contentOf(reading) {
  if (!Array.isArray(reading.senml)) {
    const words = reading.text ?? reading.base64 ?? JSON.stringify(reading.value);
    return foreign(words === undefined ? "" : words);
  }
  const own = `${reading.device}:`;
  const list = element("ul", "records");
  for (const record of reading.senml) {
    const name = String(record.n || "");
    const value = record.v ?? record.vs ?? record.vb ?? record.vd ?? "";
    list.append(element("li", null, foreign(name.startsWith(own) ? name.slice(own.length) : name), " ",
      element("strong", null, foreign(value)), " ", foreign(record.u || "")));
  }
  return list;
}

function addReading(reading) {
  at("readings").prepend(row(cell(time(reading.received, clock(reading.received))), cell(foreign(reading.resource), "wide"),
    cell(contentOf(reading))));
  while (at("readings").children.length > kMostReadings) at("readings").lastChild.remove();
  at("readings-table").hidden = false;
  ++readings;
  say(at("readings-words"), `${plural(readings, "reading", "readings")} since this page was opened` +
    (readings > kMostReadings ? `; the last ${kMostReadings} are shown.` : "."));
}

export function leaveDevice() {
  for (const one of running) one.stop();
  running = [];
}

export function showDevice(name) {
  leaveDevice();
  readings = 0;
  at("device-title").replaceChildren(foreign(name));
  say(at("device-happened"), "Asking …");
  for (const id of ["device-about", "device-advice", "device-figures", "device-exchanges", "device-sessions", "device-past",
    "readings"])
    at(id).replaceChildren();
  at("readings-table").hidden = true;
  forgetTraces();
  say(at("readings-words"), "Each is shown here once it is on disk; none has come since this page was opened.");

  const path = `/v1/devices/${encodeURIComponent(name)}`;
  let current = true;
  const load = () => ask(path).then((found) => { if (current) show(name, found); })
    .catch((error) => { if (current) say(at("device-happened"), error.message); });
  load();
  running = [repeat(kSeconds, load), {stop: () => { current = false; }},
    stream(`/v1/tail?device=${encodeURIComponent(name)}`, {reading: addReading}, (full) => {
      if (full) say(at("readings-words"), "As many live views are open as there may be; this one tries again.");
    })];
}
