// All devices, and finding one of them.

import {ask} from "./ask.js";
import {at, cell, deviceLink, emptyRow, foreign, head, row, say} from "./dom.js";
import {count, plural} from "./words.js";

const kMostRows = 100;
// Beyond, the list is not asked for: a device is opened by its name.
const kMostListed = 50000;

let devices = [];
let known = 0;
let listed = false;

export function showDevices() {
  const wanted = at("find").value.trim().toLowerCase();
  if (!listed) {
    at("devices").replaceChildren(emptyRow(3, "Type a device's name, identity or address, and press Enter."));
    say(at("devices-words"), known > 0 ? `${plural(known, "device", "devices")}: too many to list here.` : "");
    return;
  }
  const found = devices.filter((device) => device.text.includes(wanted));
  const rows = found.slice(0, kMostRows).map((device) => row(head(deviceLink(device.name)), cell(foreign(device.fleet)),
    cell(foreign(device.identities), "wide")));
  if (rows.length === 0) {
    rows.push(emptyRow(3, devices.length === 0 ?
      "No device yet. Give the gateway one: narrowgate device add NAME --fleet FLEET --generate" :
      "None in this list. Enter opens what you typed, an address or a stranger's identity too."));
  }
  at("devices").replaceChildren(...rows);
  say(at("devices-words"), found.length > kMostRows ?
    `${count(found.length)} devices; the first ${kMostRows} are shown.` : plural(found.length, "device", "devices"));
}

export async function loadDevices(status) {
  if (status.devices === known && (listed || known > kMostListed)) return;
  known = status.devices;
  listed = known <= kMostListed;
  if (listed) {
    const found = (await ask("/v1/devices")).devices.filter((device) => !device.revoked);
    devices = found.map((device) => {
      const identities = device.credentials.map((one) => one.identity).join(", ");
      return {name: device.name, fleet: device.fleet, identities,
        text: `${device.name}\n${device.fleet}\n${identities}`.toLowerCase()};
    });
  }
  showDevices();
}

export function setUpFind() {
  at("find").addEventListener("input", showDevices);
  at("find-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = at("find").value.trim();
    const found = listed ? devices.filter((device) => device.text.includes(wanted.toLowerCase())) : [];
    if (wanted) location.hash = `device=${encodeURIComponent(found.length === 1 ? found[0].name : wanted)}`;
  });
}
