// All devices, and finding one of them.

import {ask} from "./ask.js";
import {at, cell, deviceLink, emptyRow, foreign, head, row, say} from "./dom.js";
import {count, plural} from "./words.js";

const kMostRows = 100;
// One page of the list is asked for, the longest: a device beyond it is opened by its name.
const kPage = 10000;

let devices = [];
let known = -1;  // not asked yet
let more = false;

const elsewhere = () => (more ? ` Only the first ${count(devices.length)} by name are looked through here, of ${count(known)} in all: ` +
  "a device is opened by its whole name and Enter, narrowgate device list has them all." : "");

export function showDevices() {
  const wanted = at("find").value.trim().toLowerCase();
  const found = devices.filter((device) => device.text.includes(wanted));
  const rows = found.slice(0, kMostRows).map((device) => row(head(deviceLink(device.name)), cell(foreign(device.fleet)),
    cell(foreign(device.identities), "wide")));
  if (rows.length === 0) {
    rows.push(emptyRow(3, devices.length === 0 ?
      "No device yet. Give the gateway one: narrowgate device add NAME --fleet FLEET --generate" :
      "None in this list. Enter opens what you typed, an address or a stranger's identity too."));
  }
  at("devices").replaceChildren(...rows);
  say(at("devices-words"), (found.length > kMostRows ? `${count(found.length)} devices; the first ${kMostRows} are shown.` :
    more ? `${plural(found.length, "device", "devices")}.` : plural(found.length, "device", "devices")) + elsewhere());
}

export async function loadDevices(status) {
  if (status.devices === known) return;
  known = status.devices;
  const page = await ask(`/v1/devices?count=${kPage}`);
  more = page.more;
  devices = page.devices.filter((device) => !device.revoked).map((device) => {
    const identities = device.credentials.map((one) => one.identity).join(", ");
    return {name: device.name, fleet: device.fleet, identities,
      text: `${device.name}\n${device.fleet}\n${identities}`.toLowerCase()};
  });
  showDevices();
}

export function setUpFind() {
  at("find").addEventListener("input", showDevices);
  at("find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = at("find").value.trim();
    const found = devices.filter((device) => device.text.includes(wanted.toLowerCase()));
    // What is not in this page of the list may be meant all the same.
    const only = found.length === 1 && !more ? found[0].name : wanted;
    if (wanted) location.hash = `device=${encodeURIComponent(only)}`;
  });
}
