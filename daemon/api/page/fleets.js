// Fleets, and which of their devices need somebody: silent ones, and those that have to repeat themselves.
// A gateway that keeps no such figures answers 404, and the sections stay hidden.

import {ask, Refused} from "./ask.js";
import {at, cell, deviceLink, element, emptyRow, foreign, head, numberCell, row, say, time} from "./dom.js";
import {bytes, count, milliseconds, money, percent, plural, span} from "./words.js";

const kMostRows = 10;

// The answer, or null when there is none of this kind.
async function answerOf(path, list) {
  try {
    const answer = await ask(path);
    return Array.isArray(answer[list]) ? answer : null;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

function tariffOf(fleet) {
  const {tariff} = fleet;
  if (!tariff) return element("span", "quiet", "none");
  const made = element("div", null, element("div", null, foreign(money(tariff.cost, tariff.currency))),
    element("div", "quiet", foreign(`${bytes(tariff.included_bytes)} a device, then ` +
      `${tariff.price_per_mb} ${tariff.currency} a MB`)));
  if (fleet.over_tariff > 0) made.append(element("strong", "warn", `✕ ${plural(fleet.over_tariff, "device", "devices")} over it`));
  else if (fleet.will_exceed > 0)
    made.append(element("strong", "warn", `! ${plural(fleet.will_exceed, "device", "devices")} will be over it`));
  return made;
}

const never = (fleet) => (fleet.never_heard > 0 ? `, ${count(fleet.never_heard)} never` : "");

function fleetRow(fleet) {
  const silent = fleet.report_interval_s === null ? element("span", "quiet", "no interval is set") :
    fleet.silent > 0 ? element("strong", "warn", `✕ ${count(fleet.silent)}`,
      fleet.fell_together ? ", together" : null) : element("span", "good", "✓ none");
  const month = element("div", "quiet narrow", `${bytes(fleet.bytes_up)} up, ${bytes(fleet.bytes_down)} down`);
  return row(head(element("div", null, foreign(fleet.name), month)), cell(`${count(fleet.heard)} of ${count(fleet.devices)}${never(fleet)}`),
    cell(silent), numberCell(count(fleet.missed_reports), "wide"), numberCell(bytes(fleet.bytes_up), "wide"),
    numberCell(bytes(fleet.bytes_down), "wide"), cell(tariffOf(fleet)));
}

function withFleet(device) {
  return head(element("span", "device", deviceLink(device.device), " ", element("span", "quiet", foreign(device.fleet))));
}

function silentRow(device) {
  const heard = device.last_heard ? time(device.last_heard, `${span(device.silent_seconds)} ago`) : "never";
  return row(withFleet(device), cell(heard), numberCell(count(device.missed)),
    numberCell(device.interval_s ? span(device.interval_s) : "–", "wide"));
}

function slowRow(device) {
  return row(withFleet(device),
    numberCell(`${percent(device.retransmission_ratio)} (${count(device.retransmissions)} of ${count(device.requests)})`),
    numberCell(typeof device.handshake_ms === "number" ? milliseconds(device.handshake_ms) : "–"));
}

function costlyRow(device) {
  return row(withFleet(device), numberCell(`${bytes(device.bytes_on_air)} of ${bytes(device.included_bytes)}`),
    numberCell(bytes(device.forecast_bytes), "wide"), numberCell(money(device.cost, device.currency)));
}

function showRows(box, list, toRow, columns, none) {
  // A row that somebody stands on is not taken from under them.
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  box.replaceChildren(...(list.length > 0 ? list.map(toRow) : [emptyRow(columns, none)]));
  if (focused) [...box.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
}

export async function loadFleets() {
  const fleets = await answerOf("/v1/fleets", "fleets");
  const metered = fleets && fleets.fleets.some((fleet) => fleet.tariff);
  const listOf = (kind, wanted) => (wanted ? answerOf(`/v1/devices/${kind}?count=${kMostRows}`, "devices") : null);
  const [silent, slow, costly] = await Promise.all([listOf("silent", fleets), listOf("slow", fleets),
    listOf("costly", metered)]);
  at("fleets").hidden = !fleets;
  at("silent").hidden = !silent;
  at("slow").hidden = !slow;
  at("costly").hidden = !costly;
  if (fleets) {
    showRows(at("fleets-rows"), fleets.fleets, fleetRow, 7, "There is no fleet.");
    say(at("fleets-words"), `Bytes of payload and cost are those of ${fleets.month}.`);
  }
  if (silent) showRows(at("silent-rows"), silent.devices, silentRow, 4, fleets.fleets.some((fleet) => fleet.report_interval_s !== null) ?
    "✓ Every device that was heard reports when it is due." : "No fleet says how often its devices report.");
  if (slow) showRows(at("slow-rows"), slow.devices, slowRow, 3, "✓ No device had to send anything again in the last hour.");
  if (costly) showRows(at("costly-rows"), costly.devices, costlyRow, 4, "✓ No device will use more than its tariff includes.");
}
