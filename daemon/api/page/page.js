"use strict";

// Everything that a node or an operator named reaches the page as text, never as markup.
const at = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells) {
  const made = element("tr");
  for (const cell of cells) {
    if (cell instanceof Node) {
      const box = element("td");
      box.append(cell);
      made.append(box);
    } else {
      made.append(element("td", cell, typeof cell === "number" ? "number" : ""));
    }
  }
  return made;
}

const count = (value) => Number(value || 0).toLocaleString("en");

function span(seconds) {
  if (!(seconds > 0)) return "0 s";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

const since = (then, now) => (then ? span((new Date(now) - new Date(then)) / 1000) : "");

function lane(title, figure, lines, state, trouble) {
  const made = element("li", null, state);
  made.append(element("strong", title), element("span", figure, "figure"));
  for (const line of lines) made.append(element("div", line, "quiet"));
  if (trouble) made.append(element("div", trouble, "trouble"));
  return made;
}

function showLanes(status) {
  const store = status.store;
  const lanes = [
    lane("Nodes", count(status.sessions), ["sessions", `${count(status.devices)} devices`,
      `${count(status.handshakes_in_progress)} handshakes in progress`], "well"),
    lane("Uplink", count(Math.round(status.readings_per_minute)), ["readings a minute",
      `${count(status.uplink.readings)} acknowledged since the start`], status.uplink.refused > 0 ? "" : "well"),
    lane("Store", count(store.waiting_readings), ["readings wait",
      store.oldest ? `the oldest for ${since(store.oldest, status.now)}` : "none is late",
      `last commit ${(store.last_commit_us / 1000).toFixed(1)} ms`],
    store.full || store.disk_full ? "unwell" : "well",
    store.disk_full ? "The disk is full." : store.full ? "The store is full: readings are refused." : ""),
  ];
  for (const upstream of status.upstreams) {
    const lines = ["readings wait", upstream.oldest ? `behind by ${since(upstream.oldest, status.now)}` : "up to date",
      `${count(upstream.delivered)} delivered`];
    if (upstream.metered_units > 0) lines.push(`${count(upstream.metered_units)} units of 5 KB`);
    if (upstream.dead_letters > 0) lines.push(`${count(upstream.dead_letters)} dead letters`);
    if (upstream.certificate_days_left !== null && upstream.certificate_days_left !== undefined)
      lines.push(`certificate: ${upstream.certificate_days_left} days left`);
    const up = upstream.connected && !upstream.paused;
    lanes.push(lane(upstream.name, count(upstream.waiting_readings), lines, up ? "well" : "unwell",
      up ? "" : upstream.trouble || "not connected"));
  }
  at("lanes").replaceChildren(...lanes);
}

const kEnds = {established: "Established", timed_out: "Timed out", refused: "Refused", displaced: "Begun again by the node",
  revoked: "Revoked"};
const kSteps = {client_hello: "after ClientHello", client_key_exchange: "waiting for ClientKeyExchange",
  finished: "waiting for Finished", commit: "while being made durable"};

function showFunnel(ends) {
  const most = Math.max(1, ...ends.map((end) => end.count));
  const rows = ends.map((end) => {
    const share = element("meter");
    share.max = most;
    share.value = end.count;
    share.setAttribute("aria-hidden", "true");
    const words = kEnds[end.outcome] || end.outcome;
    return row([end.outcome === "established" ? words : `${words} ${kSteps[end.step] || end.step}`, end.count, share]);
  });
  if (rows.length === 0) rows.push(row(["None yet", 0, ""]));
  at("funnel").replaceChildren(...rows);
}

function showStatus(status) {
  at("gateway").textContent = status.gateway;
  document.title = `${status.well ? "" : "! "}${status.gateway} · Narrowgate`;
  at("health").className = status.well ? "well" : "unwell";
  if (at("sentence").textContent !== status.health) at("sentence").textContent = status.health;
  at("meta").textContent = `Version ${status.version}, up for ${since(status.started, status.now)}, listening on ` +
    status.listening.join(", ");
  showLanes(status);
  showFunnel(status.handshake_ends);
}

let period = "hour";
let history = null;

function line(points, of, top, name) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const step = 720 / Math.max(1, points.length - 1);
  path.setAttribute("class", name);
  path.setAttribute("d", points.map((point, i) =>
    `${i === 0 ? "M" : "L"}${(i * step).toFixed(1)} ${(155 - 150 * of(point) / top).toFixed(1)}`).join(""));
  return path;
}

function showHistory() {
  if (!history) return;
  // One point alone is shown as a line, too.
  const measured = history[period].points;
  const points = measured.length === 1 ? [measured[0], measured[0]] : measured;
  const perMinute = (name) => (point) => (point.seconds > 0 ? point[name] * 60 / point.seconds : 0);
  const all = [...points.map(perMinute("readings")), ...points.map(perMinute("delivered"))];
  const top = Math.max(1, ...all);
  const axis = document.createElementNS("http://www.w3.org/2000/svg", "path");
  axis.setAttribute("class", "axis");
  axis.setAttribute("d", "M0 155H720");
  at("chart").replaceChildren(axis, line(points, perMinute("readings"), top, "up"),
    line(points, perMinute("delivered"), top, "out"));
  const sum = (name) => measured.reduce((total, point) => total + point[name], 0);
  at("chart-words").textContent = measured.length === 0 ? "Nothing was measured yet." :
    `Last ${period}: ${count(sum("readings"))} readings acknowledged (line), ${count(sum("delivered"))} delivered to ` +
    `clouds (dashes), at most ${count(Math.round(top))} a minute; ${count(sum("handshakes"))} handshakes, ` +
    `${count(sum("failed"))} failed.`;
  for (const name of ["hour", "day"]) at(`show-${name}`).setAttribute("aria-pressed", String(period === name));
}

async function fetchJson(path) {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(`${body.error.what}; ${body.error.cure}`);
  return body;
}

async function loadHistory() {
  history = await fetchJson("/v1/history");
  showHistory();
}

const kMostRows = 200;
let devices = [];

function showDevices() {
  const wanted = at("find").value.trim().toLowerCase();
  const found = devices.filter((device) =>
    device.name.toLowerCase().includes(wanted) || device.fleet.toLowerCase().includes(wanted));
  const rows = found.slice(0, kMostRows).map((device) => {
    const link = element("a", device.name);
    link.href = `#device=${encodeURIComponent(device.name)}`;
    return row([link, device.fleet, device.credentials.map((one) => one.identity).join(", ")]);
  });
  at("devices").replaceChildren(...rows);
  at("devices-words").textContent = found.length > kMostRows ?
    `${count(found.length)} devices, the first ${kMostRows} are shown` : `${count(found.length)} devices`;
}

async function loadDevices() {
  devices = (await fetchJson("/v1/devices")).devices.filter((device) => !device.revoked);
  showDevices();
}

function facts(list) {
  const made = [];
  for (const [name, value] of list) {
    if (value === undefined || value === null || value === "") continue;
    made.push(element("dt", name), element("dd", value));
  }
  at("device-facts").replaceChildren(...made);
}

async function showDevice(name) {
  at("device-title").textContent = name;
  at("device-happened").textContent = "Asking …";
  for (const id of ["device-sessions", "device-handshakes", "device-facts"]) at(id).replaceChildren();
  let found = null;
  try {
    found = await fetchJson(`/v1/devices/${encodeURIComponent(name)}`);
  } catch (error) {
    at("device-happened").textContent = error.message;
    return;
  }
  const device = found.device || {};
  at("device-happened").textContent = found.happened;
  facts([["Cause", found.cause], ["What to do", found.cure], ["Fleet", device.fleet], ["Added", device.added],
    ["Why", device.why]]);
  at("device-sessions").replaceChildren(...(device.sessions || []).map((one) =>
    row([one.heard, one.remote, one.bytes_up, one.bytes_down, one.address_moves, one.repeats])));
  at("device-handshakes").replaceChildren(...(found.handshakes || []).map((one) =>
    row([one.started, kEnds[one.state] || one.state, one.waits_for || "", one.bytes_in, one.bytes_out,
      one.retransmissions])));
}

function follow() {
  const name = new URLSearchParams(location.hash.slice(1)).get("device");
  at("overview").hidden = Boolean(name);
  at("device").hidden = !name;
  if (!name) return;
  showDevice(name);
  at("device-title").focus();
}

function listen() {
  const events = new EventSource("/v1/events");
  events.addEventListener("status", (event) => {
    at("live").textContent = "live";
    showStatus(JSON.parse(event.data));
  });
  events.addEventListener("error", () => {
    at("live").textContent = "not connected";
    at("health").className = "";
    at("sentence").textContent = "The gateway does not answer. This page tries again.";
  });
}

at("show-hour").addEventListener("click", () => { period = "hour"; showHistory(); });
at("show-day").addEventListener("click", () => { period = "day"; showHistory(); });
at("find").addEventListener("input", showDevices);
window.addEventListener("hashchange", follow);
const complain = (error) => { at("devices-words").textContent = error.message; };
listen();
follow();
loadHistory().catch(complain);
loadDevices().catch(complain);
setInterval(() => loadHistory().catch(complain), 10000);
