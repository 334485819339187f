// A node's handshakes, datagram by datagram.

import {at, cell, element, foreign, head, numberCell, row, say} from "./dom.js";
import {bytes, day, plural} from "./words.js";

const kStates = {established: "✓ Established", in_progress: "… In progress", timed_out: "✕ Timed out",
  refused: "✕ Refused", displaced: "✕ Begun anew by the node", revoked: "✕ Revoked"};
const kWaits = {client_hello: "the first ClientHello", client_key_exchange: "ClientKeyExchange", finished: "Finished"};

let shown = "";

function datagramRow(datagram) {
  return row(numberCell(`${datagram.milliseconds} ms`), cell(datagram.ours ? "← gateway" : "node →", "nowrap"),
    numberCell(bytes(datagram.bytes)), cell(datagram.parts.join(", ") + (datagram.again ? ", again" : "")));
}

function headings(...names) {
  return element("thead", null, row(...names.map((name) => {
    const made = element("th", null, name);
    made.scope = "col";
    return made;
  })));
}

function detail(handshake) {
  const words = [`from ${handshake.remote}`, handshake.cipher, handshake.cid ? "with a connection ID" : "without connection ID",
    handshake.waits_for ? `waits for ${kWaits[handshake.waits_for] || handshake.waits_for}` : "",
    handshake.alert ? `alert ${handshake.alert}` : "", handshake.hellos_before > 0 ?
      `${plural(handshake.hellos_before, "ClientHello", "ClientHellos")} before` : ""].filter(Boolean);
  const table = element("table", "trace");
  table.setAttribute("aria-label", `Datagrams of the handshake begun ${handshake.started}`);
  table.append(headings("After", "From", "Size", "Holds"),
    element("tbody", null, ...handshake.datagrams.map(datagramRow)));
  const made = element("details", null,
    element("summary", null, kStates[handshake.state] || handshake.state, ", ", day(handshake.started), ", ",
      bytes(handshake.bytes_in), " in, ", bytes(handshake.bytes_out), " out",
      handshake.retransmissions > 0 ? `, ${handshake.retransmissions} sent again` : ""),
    element("p", "quiet", "Identity ", foreign(handshake.identity || "none given"), handshake.identity_known ? "" : " (unknown)",
      ", ", words.join(", ")),
    element("div", "scroll", table));
  made.dataset.key = `${handshake.started} ${handshake.remote}`;
  return made;
}

function helloRow(hello) {
  return row(head(foreign(hello.remote)), cell(day(hello.last)), cell(String(hello.last_fate).replaceAll("_", " ")),
    numberCell(bytes(hello.bytes)));
}

function hellosTable(hellos) {
  const table = element("table", "trace");
  table.setAttribute("aria-label", "First messages that led no further");
  table.append(headings("First messages from", "Last", "What became of it", "Bytes"),
    element("tbody", null, ...hellos.map(helloRow)));
  return element("div", "scroll", table);
}

export function showTraces(found) {
  const handshakes = found.handshakes || [];
  const hellos = found.hellos || [];
  const now = JSON.stringify([found.who, handshakes, hellos]);
  if (now === shown) return;
  shown = now;
  const box = at("traces");
  const open = new Set([...box.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const first = box.children.length === 0;
  const focused = box.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.key : null;
  const made = handshakes.map(detail);
  for (const one of made) one.open = open.has(one.dataset.key);
  if (first && made.length > 0) made[0].open = true;
  box.replaceChildren(...made, ...(hellos.length > 0 ? [hellosTable(hellos)] : []));
  if (focused) made.find((one) => one.dataset.key === focused)?.querySelector("summary").focus();
  say(at("traces-words"), handshakes.length > 0 ? "What the gateway remembers since its start, the newest first." :
    "The gateway remembers none since its start.");
}

export function forgetTraces() {
  shown = "";
  at("traces").replaceChildren();
  say(at("traces-words"), "");
}
