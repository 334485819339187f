// Figures as people read them.

export const count = (value) => Math.round(Number(value || 0)).toLocaleString("en");

export const plural = (value, one, many) => `${count(value)} ${Number(value) === 1 ? one : many}`;

export function span(seconds) {
  if (!(seconds >= 1)) return "less than 1 s";
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

export const secondsBetween = (then, now) => (new Date(now) - new Date(then)) / 1000;
export const since = (then, now) => span(secondsBetween(then, now));

// As operators' bills count: 1 MB is 1,000,000 bytes.
export function bytes(value) {
  const all = Number(value || 0);
  if (all < 1000) return `${all} B`;
  for (const [unit, size] of [["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12]]) {
    if (all < size * 1000 || unit === "TB") return `${trimmed(all / size)} ${unit}`;
  }
  return "";
}

// Three digits that matter.
function trimmed(value) {
  return value.toLocaleString("en", {maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0});
}

export const milliseconds = (value) => (value < 1 ? "under 1 ms" : `${count(value)} ms`);

export const money = (value, currency) => `${Number(value || 0).toFixed(2)} ${currency}`;

export const rate = (value) => (value < 10 ? trimmed(value) : count(value));
export const percent = (ratio) => `${trimmed(100 * ratio)} %`;
export const clock = (when) => new Date(when).toLocaleTimeString("en", {hour12: false});
export const clockMinutes = (when) =>
  new Date(when).toLocaleTimeString("en", {hour12: false, hour: "2-digit", minute: "2-digit"});
export const day = (when) => new Date(when).toLocaleString("en",
  {hour12: false, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit"});
