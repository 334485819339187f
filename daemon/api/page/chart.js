// Rates over time: lines with axes, a legend and a summary in words.

import {at, element, say} from "./dom.js";
import {clockMinutes, count, rate, span} from "./words.js";

const kSpace = "http://www.w3.org/2000/svg";
const kHeight = 190;
const kLeft = 52;
const kRight = 12;
const kTop = 10;
const kBottom = 26;
const kLabel = 56;  // of a time below the axis, with room around

const kCharts = [
  {id: "readings", title: "Readings a minute", lines: [
    {of: "readings", words: "acknowledged", className: "line-a"},
    {of: "delivered", words: "delivered, all upstreams together", className: "line-b"}]},
  {id: "handshakes", title: "Handshakes a minute", lines: [
    {of: "handshakes", words: "established", className: "line-a"},
    {of: "failed", words: "failed", className: "line-bad"}]},
];

// The time that is shown grows with what is known, so that a young gateway's chart is not an empty one.
// Seconds, and in how many parts its axis is divided.
const kSpans = {hour: [[300, 5], [900, 5], [1800, 3], [3600, 4]],
  day: [[3600, 4], [10800, 3], [21600, 3], [43200, 4], [86400, 4]]};

function draw(name, attributes, text) {
  const made = document.createElementNS(kSpace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// 1, 2 or 5 times a power of ten, at least `value`.
function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= value * 0.999);
}

const perMinute = (point, of) => (point.seconds > 0 ? point[of] * 60 / point.seconds : 0);

// A point's end, in seconds before the newest.
function withAges(points) {
  let age = 0;
  return [...points].reverse().map((point) => {
    const made = {...point, from: age + point.seconds, to: age};
    age += point.seconds;
    return made;
  }).reverse();
}

// A rate holds from one measurement to the next: steps, not slopes.
function pathOf(points, of, x, y) {
  return points.map((point, i) => {
    const level = y(perMinute(point, of)).toFixed(1);
    return `${i === 0 ? "M" : "L"}${x(point.from).toFixed(1)} ${level}L${x(point.to).toFixed(1)} ${level}`;
  }).join("");
}

function axes(svg, width, top, [shown, parts], x, y) {
  for (const part of [0, 0.5, 1]) {
    svg.append(draw("line", {class: part === 0 ? "axis" : "grid", x1: kLeft, x2: width - kRight, y1: y(part * top),
      y2: y(part * top)}));
    svg.append(draw("text", {x: kLeft - 8, y: y(part * top) + 4, "text-anchor": "end"}, rate(part * top)));
  }
  const now = Date.now();
  const every = Math.ceil(kLabel * parts / (width - kLeft - kRight));
  for (let i = 0; i <= parts; ++i) {
    const age = shown * (1 - i / parts);
    svg.append(draw("line", {class: "axis", x1: x(age), x2: x(age), y1: y(0), y2: y(0) + 4}));
    if ((parts - i) % every !== 0) continue;
    svg.append(draw("text", {x: x(age), y: kHeight - 6,
      "text-anchor": i === 0 ? "start" : i === parts ? "end" : "middle"},
    age === 0 ? "now" : clockMinutes(now - age * 1000)));
  }
}

function legend(chart) {
  const box = element("ul", "legend");
  for (const line of chart.lines) {
    const key = draw("svg", {viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true"});
    key.append(draw("line", {class: line.className, x1: 0, x2: 24, y1: 4, y2: 4}));
    box.append(element("li", null, key, " ", line.words));
  }
  return box;
}

function makeChart(chart) {
  const svg = draw("svg", {id: `chart-${chart.id}`, class: "chart", role: "img", height: kHeight});
  const title = element("h3", null, chart.title);
  const words = element("figcaption", "quiet");
  title.id = `chart-${chart.id}-title`;
  words.id = `chart-${chart.id}-words`;
  svg.setAttribute("aria-labelledby", title.id);
  svg.setAttribute("aria-describedby", words.id);
  return element("figure", null, title, legend(chart), svg, words);
}

function showChart(chart, measured, period) {
  const svg = at(`chart-${chart.id}`);
  const width = Math.max(280, svg.clientWidth || 0);
  const known = measured.reduce((sum, point) => sum + point.seconds, 0);
  const range = kSpans[period].find(([seconds]) => seconds >= known) || kSpans[period].at(-1);
  const [shown] = range;
  const points = withAges(measured).filter((point) => point.from <= shown + 1);
  const top = niceTop(Math.max(...points.flatMap((point) => chart.lines.map((line) => perMinute(point, line.of))), 0));
  const x = (age) => kLeft + (width - kLeft - kRight) * (1 - Math.min(1, age / shown));
  const y = (value) => kTop + (kHeight - kTop - kBottom) * (1 - value / top);
  svg.setAttribute("viewBox", `0 0 ${width} ${kHeight}`);
  svg.replaceChildren();
  axes(svg, width, top, range, x, y);
  if (points.length > 0)
    svg.append(draw("path", {class: "area", d: `${pathOf(points, chart.lines[0].of, x, y)}V${y(0)}H${x(points[0].from).toFixed(1)}Z`}));
  for (const line of chart.lines)
    svg.append(draw("path", {class: line.className, id: `chart-${chart.id}-${line.of}`, d: pathOf(points, line.of, x, y)}));
  const sums = chart.lines.map((line) =>
    `${count(points.reduce((sum, point) => sum + point[line.of], 0))} ${line.words.split(",")[0]}`);
  say(at(`chart-${chart.id}-words`), points.length === 0 ? "The first figures come ten seconds after the start." :
    `${sums.join(", ")} in the last ${span(Math.min(known, shown))}`);
}

let period = "hour";
let history = null;

function redraw() {
  for (const name of ["hour", "day"]) at(`show-${name}`).setAttribute("aria-pressed", String(period === name));
  if (!history) return;
  for (const chart of kCharts) showChart(chart, history[period].points, period);
}

export function setUpCharts() {
  at("charts").append(...kCharts.map(makeChart));
  for (const name of ["hour", "day"])
    at(`show-${name}`).addEventListener("click", () => { period = name; redraw(); });
  new ResizeObserver(redraw).observe(at("charts"));
}

export function showHistory(found) {
  history = found;
  redraw();
}
