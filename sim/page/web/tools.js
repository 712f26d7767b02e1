"use strict";
// What all charts of a page are made with: elements, choices, axes, legends. Text of the data goes into the page as
// text, never as markup. The files of this folder are one script, in the order in which html.py names them.
const page = JSON.parse(document.getElementById("data").textContent);
const charts = [];
const printing = window.matchMedia("print"), dark = window.matchMedia("(prefers-color-scheme: dark)");

function make(tag, fields = {}, ...children) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name in one && name !== "role") one[name] = value; else one.setAttribute(name, value);
  }
  one.append(...children);
  return one;
}
function choice(id, label, options, chosen, changed) {
  // options: [value, text, group]; those of one group stand together under its name.
  const select = make("select", { id });
  const groups = new Map();
  for (const [value, text, group] of options) {
    let parent = select;
    if (group) {
      if (!groups.has(group)) { groups.set(group, make("optgroup", { label: group })); select.append(groups.get(group)); }
      parent = groups.get(group);
    }
    parent.append(make("option", { value: String(value), textContent: text }));
  }
  select.value = String(chosen);
  select.addEventListener("change", () => changed(select.value));
  return make("label", {}, make("span", { textContent: label }), select);
}
const escaped = (text) => echarts.format.encodeHTML(String(text));
function tip(title, rows) {
  const lines = rows.map(([name, value]) => `<span>${escaped(name)}:</span> ${escaped(value)}`);
  return `<div class="tip"><b>${escaped(title)}</b>${lines.join("<br>")}</div>`;
}
function seconds(time) {
  const [unit, size] = time >= 1 ? ["s", 1] : time >= 1e-3 ? ["ms", 1e-3] : ["us", 1e-6];
  return `${Number((time / size).toPrecision(4))} ${unit}`;
}
const signed = (share) => `${share < 0 ? "-" : "+"}${Math.abs(100 * share).toFixed(1)} %`;
function plain(tick) {
  const [size, letter] = [[1e12, " T"], [1e9, " B"], [1e6, " M"]].find(([one]) => Math.abs(tick) >= one) || [1, ""];
  const digits = letter ? 4 : 6;
  return (tick / size).toLocaleString("en-US", { maximumSignificantDigits: digits }) + letter;
}
function logarithmicAxis(numbers) {
  // Ends close to the data; ticks at 1, 2 and 5, at powers of ten where those are too many, evenly where they are too few.
  const [low, high] = [Math.min(...numbers) / 1.25, Math.max(...numbers) * 1.25], ticks = [[], []];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const digit of [1, 2, 5]) {
      const tick = Number((digit * 10 ** power).toPrecision(1));
      if (tick >= low && tick <= high) { ticks[0].push(tick); if (digit === 1) ticks[1].push(tick); }
    }
  }
  const chosen = ticks[0].length > 9 ? ticks[1] : ticks[0].length > 2 ? ticks[0] : even(low, high);
  return { type: "log", min: low, max: high, axisTick: { customValues: chosen }, axisLabel: { customValues: chosen, formatter: plain }, splitLine: { show: false } };
}
function even(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 5)), step = power * [1, 2, 5, 10].find((digit) => digit * power >= (high - low) / 5);
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, nth) => Number(((first + nth) * step).toPrecision(6)));
}
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function lit(own) {
  // On dark paper dark colours are mixed with white until they stand out.
  const light = echarts.color.lum(own, 0), least = 0.36;
  if (!dark.matches || printing.matches || light >= least) return own;
  return echarts.color.lerp((least - light) / (1 - light), [own, "#ffffff"]);
}
const asLabel = (index) => page.points[index].label;

function canvas(key, about, height) {
  const one = make("div", { id: `${key}-chart`, className: "canvas", role: "img", "aria-label": about });
  one.style.height = `${height}px`;
  return one;
}
function drawn(element, option) {
  // option: a function, so that colours are read anew when dark and light change.
  const chart = echarts.init(element, null, { renderer: "svg" });
  const draw = () => {
    chart.setOption({ animation: false, textStyle: { color: colour("--ink"), fontFamily: "system-ui, sans-serif" }, ...option() }, true);
  };
  charts.push({ element, chart, draw });
  draw();
  return { draw, chart };
}
function resized(element, height) {
  element.style.height = `${height}px`;
  echarts.getInstanceByDom(element).resize();
}
const axis = (more = {}) => ({
  nameTextStyle: { color: colour("--ink") }, axisLabel: { color: colour("--ink"), ...(more.axisLabel || {}) },
  axisLine: { lineStyle: { color: colour("--faint") } }, splitLine: { lineStyle: { color: colour("--line") } },
  ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "axisLabel")),
});
const tooltip = (formatter) => ({
  trigger: "item", confine: true, formatter, backgroundColor: colour("--shade"), borderColor: colour("--faint"),
  textStyle: { color: colour("--ink") },
});
const narrow = () => document.documentElement.clientWidth < 600;
const nameWidth = () => (narrow() ? 200 : 320);
const legend = (names, more = {}) => ({
  data: names, top: 0, left: 0, itemGap: 12, textStyle: { color: colour("--ink"), width: nameWidth(), overflow: "truncate" }, ...more,
});
function legendHeight(names) {
  // Names follow each other in lines as wide as the page.
  const room = document.getElementById("content").clientWidth - 10;
  let lines = 1, used = 0;
  for (const name of names) {
    const width = Math.min(textWidth(name), nameWidth()) + 46;
    if (used + width > room && used > 0) { lines += 1; used = 0; }
    used += width;
  }
  return names.length ? 26 * lines + 4 : 0;
}
const pen = document.createElement("canvas").getContext("2d");
function textWidth(text) {
  pen.font = "12px system-ui, sans-serif";
  return Math.ceil(pen.measureText(text).width);
}
const labelWidth = (labels) => Math.min(narrow() ? 110 : 280, 4 + Math.max(8, ...labels.map(textWidth)));
// Names of rows beside bars: as wide as the longest, within limits; on a phone in two lines.
const rowNames = (labels) => axis({
  type: "category", inverse: true, data: labels, triggerEvent: true, splitLine: { show: false },
  axisLabel: { lineHeight: 13, interval: 0, formatter: (text) => (narrow() ? twoLines : fitted)(text, labelWidth(labels)) },
});
function fitted(text, width) {
  // What is longer loses its middle: names of points differ at their ends.
  const letters = [...text];
  let ends = letters.length, shown = text;
  while (textWidth(shown) > width && ends > 2) {
    ends -= 1;
    shown = `${letters.slice(0, Math.ceil(ends / 2)).join("")}…${letters.slice(letters.length - Math.floor(ends / 2)).join("")}`;
  }
  return shown;
}
function twoLines(text, width) {
  if (textWidth(text) <= width || !text.includes(" ")) return fitted(text, width);
  const halves = [...text.matchAll(/ /g)].map(({ index }) => [text.slice(0, index), text.slice(index + 1)]);
  const longer = (pair) => Math.max(...pair.map(textWidth));
  return halves.reduce((best, pair) => (longer(pair) < longer(best) ? pair : best)).map((half) => fitted(half, width)).join("\n");
}
const beside = (labels, more) => ({ left: labelWidth(labels) + 16, right: 24, ...more });
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];
