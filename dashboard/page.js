// Fills every chart of the page from the JSON beside it with Observable Plot. No network, no eval, no storage.
"use strict";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

/** The ink of the page in place of black, which cannot be seen in the dark. */
function ink(colour) { return ["#000000", "#333333"].includes(colour) ? "currentColor" : colour; }

/** 0.05 -> "3 min", as the page's tables write it. */
function hoursText(hours) {
  if (hours <= 0) return "0";
  const digits = (value) => String(Number(value.toPrecision(3)));
  if (hours < 1 / 60) return digits(hours * 3600) + " s";
  return hours < 1 ? digits(hours * 60) + " min" : digits(hours) + " h";
}

/** A value with its unit's digits: 101.3, 3.14, 0.0523. */
function short(value) { return Math.abs(value) >= 10 ? value.toFixed(1) : String(Number(value.toPrecision(3))); }

/** Opens whatever is folded around the target of a link, so that the link can be seen to lead somewhere. */
function unfold(id) {
  const target = document.getElementById(id);
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
}

/** The drawing without names of its parts: the place around it has role "img" and says what is seen. A click on a dot
 * leads to its run. */
function finished(plot, dots) {
  plot.querySelectorAll("[aria-label]").forEach((part) => {
    part.dataset.mark = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  });
  if (!dots.some((dot) => dot.run)) return;
  plot.addEventListener("click", () => { if (plot.value && plot.value.run) location.hash = plot.value.run; });
}

function axis(given, drawn) {
  const own = given.ticks.length ? new Map(given.ticks.map(([place, text]) => [place, text])) : null;
  return {
    label: given.title || null, percent: false, labelArrow: "none", line: true, grid: true,
    ticks: own ? [...own.keys()] : drawn, tickFormat: own ? (place) => own.get(place) : given.percent ? ".0%" : undefined,
  };
}

/** The figure as an SVG of this width, with only those series whose group is switched on. */
function picture(figure, groups, width) {
  const series = figure.series.filter((one) => groups === null || one.group === null || groups.has(one.group));
  const dots = series.flatMap((one) => one.dots);
  const longest = Math.max(0, ...figure.y.ticks.map(([, text]) => text.length));
  const marks = series.flatMap((one) => {
    const colour = ink(one.colour);
    const parts = [];
    if (one.line) parts.push(Plot.line(one.dots, { x: "x", y: "y", stroke: colour, strokeWidth: one.width,
      strokeDasharray: one.dash || null, curve: one.step ? "step-after" : "linear" }));
    if (one.dots.some((dot) => dot.low !== null)) parts.push(Plot.ruleY(one.dots, { x1: "low", x2: "high", y: "y", stroke: colour }));
    if (one.mark) parts.push(Plot.dot(one.dots, { x: "x", y: "y", symbol: () => one.mark, fill: colour, stroke: colour, r: 4 }));
    return parts;
  });
  if (figure.x.zero) marks.push(Plot.ruleX([0], { stroke: "currentColor", strokeOpacity: 0.5 }));
  if (dots.length < 20000) marks.push(Plot.tip(dots, Plot.pointer({ x: "x", y: "y", title: (dot) => dot.tip || short(dot.y) })));
  const plot = Plot.plot({
    width, height: figure.height, marginLeft: Math.min(64 + 6 * longest, width / 2.5), marginBottom: 44, marginTop: 28,
    style: { fontSize: "13px", background: "transparent" }, symbol: { type: "identity" },
    x: { ...axis(figure.x, width < 500 ? 4 : 8), labelAnchor: "center" },
    y: { ...axis(figure.y, 6), ...(figure.y.percent ? { domain: [0, 1] } : {}), zero: figure.y.zero },
    marks,
  });
  finished(plot, dots);
  return plot;
}

/** The groups whose boxes are ticked; null where the chart has no boxes. */
function ticked(place) {
  const boxes = [...place.querySelectorAll("input.group")];
  return boxes.length === 0 ? null : new Set(boxes.filter((box) => box.checked).map((box) => box.value));
}

/** Draws now, and again when the place becomes wider or narrower. */
function redrawn(plot, draw) {
  let width = 0;
  new ResizeObserver(() => { if (plot.clientWidth !== width) { width = plot.clientWidth; draw(); } }).observe(plot);
  width = plot.clientWidth;
  draw();
  plot.dataset.drawn = "yes";
}

function fill(place) {
  const key = place.dataset.chart;
  const figures = JSON.parse(document.getElementById("data-" + key).textContent);
  const plot = document.getElementById("plot-" + key);
  const list = place.querySelector("select.choice");
  const draw = () => {
    const number = list ? Number(list.value) : 0;
    const groups = ticked(place);
    place.querySelectorAll(".legend").forEach((legend) => { legend.hidden = Number(legend.dataset.figure) !== number; });
    place.querySelectorAll(".legend li").forEach((entry) => {
      entry.hidden = groups !== null && entry.dataset.group !== undefined && !groups.has(entry.dataset.group);
    });
    plot.replaceChildren(picture(figures[number], groups, plot.clientWidth));
  };
  place.querySelectorAll("select.choice, input.group").forEach((control) => control.addEventListener("change", draw));
  redrawn(plot, draw);
}

/** Draws a chart after the page's first paint: text, cards and tables are there before any chart is. */
function afterPaint(place, draw) { requestAnimationFrame(() => setTimeout(() => draw(place))); }

function follow() {
  const target = location.hash.slice(1);
  if (!target || target.startsWith("compare?")) return;
  try { unfold(decodeURIComponent(target)); } catch { /* no name of a place: the page stays where it is */ }
}

document.querySelectorAll(".chart").forEach((place) => afterPaint(place, fill));
window.addEventListener("hashchange", follow);
follow();
