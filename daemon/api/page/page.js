// The status page: what it shows when, and where it gets that from.

import {ask, repeat, stream} from "./ask.js";
import {setUpCharts, showHistory} from "./chart.js";
import {leaveDevice, showDevice} from "./device.js";
import {loadDevices, setUpFind} from "./devices.js";
import {at, element, say} from "./dom.js";
import {loadFleets} from "./fleets.js";
import {showFunnel} from "./funnel.js";
import {showLanes} from "./lanes.js";
import {since} from "./words.js";

// Spoken once for each new trouble: how long it lasts, and how much waits, changes every two seconds.
let spoken = "";
function announce(sentence) {
  const gist = sentence.replace(/[\d.,]+ ?(ms|s|min|h|days?|readings?)?/g, "#");
  if (gist === spoken) return;
  spoken = gist;
  say(at("announced"), sentence);
}

// What is the matter first; what is behind it, after a colon, below.
function showSentence(sentence) {
  const box = at("sentence");
  if (box.dataset.all === sentence) return;
  box.dataset.all = sentence;
  const [, what, rest] = /^(.*?:)( .*)$/s.exec(sentence) || [null, sentence, null];
  box.replaceChildren(element("span", null, what), ...(rest ? [element("span", "detail", rest)] : []));
}

function showStatus(status) {
  say(at("gateway"), status.gateway);
  document.title = `${status.well ? "" : "! "}${status.gateway} · Narrowgate`;
  at("health").className = `health ${status.well ? "well" : "unwell"}`;
  showSentence(status.health);
  announce(status.health);
  say(at("meta"), `Version ${status.version}, up for ${since(status.started, status.now)}, listening on ` +
    status.listening.join(", "));
  showLanes(status);
  showFunnel(status);
  loadDevices(status).catch(() => {});
}

function showNothing() {
  at("live").className = "live lost";
  say(at("live"), "not connected");
  at("health").className = "health";
  showSentence("The gateway does not answer. This page tries again.");
  announce("The gateway does not answer.");
}

function setLive(words) {
  at("live").className = "live on";
  say(at("live"), words);
}

// Without a place among the live views: by questions.
async function askOnce() {
  try {
    showStatus(await ask("/v1/status"));
    setLive("every 5 s");
  } catch {
    showNothing();
  }
}

const loadHistory = () => ask("/v1/history").then(showHistory).catch(() => {});
const loadCare = () => loadFleets().catch(() => {});

// Where somebody came from: the device whose page is left gets the focus back.
let opened = null;

function follow(first) {
  const name = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("device");
  at("overview").hidden = Boolean(name);
  at("device").hidden = !name;
  if (name) {
    opened = opened || {top: scrollY, from: document.activeElement?.getAttribute("href"), within: !first};
    showDevice(name);
    scrollTo(0, 0);
    at("device-title").focus({preventScroll: true});
    return;
  }
  leaveDevice();
  if (!opened) return;
  const {top, from} = opened;
  opened = null;
  scrollTo(0, top);
  const link = from ? [...at("overview").querySelectorAll("a")].find((one) => one.getAttribute("href") === from) : null;
  (link || at("main")).focus({preventScroll: Boolean(link)});
}

setUpCharts();
setUpFind();
window.addEventListener("hashchange", () => follow(false));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || at("device").hidden) return;
  if (opened?.within) window.history.back();
  else location.hash = "";
});
stream("/v1/events", {
  open: () => { loadHistory(); loadCare(); },
  status: (status) => { setLive("live"); showStatus(status); },
}, (full) => (full ? askOnce() : showNothing()));
follow(true);
repeat(10, loadHistory);
repeat(15, loadCare);
