// Fills every chart of the page from the JSON beside it. No network, no eval, no storage.
"use strict";

const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false };

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

/** A colour of the page's own scheme. */
function scheme(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/** The layout with the page's ink; black series become it too. */
function inked(layout) {
  const axis = (given) => ({ ...given, tickfont: { color: scheme("--quiet") } });
  return { ...layout, font: { ...layout.font, color: scheme("--ink") }, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis) };
}

function visible(trace) {
  const shown = { ...trace };
  for (const part of ["line", "marker"]) {
    const given = trace[part];
    if (given && ["#000000", "#333333"].includes(given.color)) shown[part] = { ...given, color: scheme("--ink") };
  }
  return shown;
}

/** The figure with only those series whose group is switched on. */
function chosen(figure, groups) {
  const data = figure.data.map((trace) => {
    const kept = trace.meta === undefined || groups === null || groups.has(trace.meta);
    return kept ? visible(trace) : { ...trace, visible: false };
  });
  return { data, layout: inked(figure.layout) };
}

/** The groups whose boxes are ticked; null where the chart has no boxes. */
function ticked(place) {
  const boxes = [...place.querySelectorAll("input.group")];
  return boxes.length === 0 ? null : new Set(boxes.filter((box) => box.checked).map((box) => box.value));
}

/** Opens whatever is folded around the target of a link, so that the link can be seen to lead somewhere. */
function unfold(id) {
  const target = document.getElementById(id);
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
}

function fill(place) {
  const key = place.dataset.chart;
  const figures = JSON.parse(document.getElementById("data-" + key).textContent);
  const plot = document.getElementById("plot-" + key);
  const list = place.querySelector("select.choice");
  const draw = () => {
    const number = list ? Number(list.value) : 0;
    const groups = ticked(place);
    const picture = chosen(figures[number], groups);
    place.querySelectorAll(".legend").forEach((found) => { found.hidden = Number(found.dataset.figure) !== number; });
    place.querySelectorAll(".legend li").forEach((entry) => {
      entry.hidden = groups !== null && entry.dataset.group !== undefined && !groups.has(entry.dataset.group);
    });
    return Plotly.react(plot, picture.data, picture.layout, CONFIG);
  };
  place.querySelectorAll("select.choice, input.group").forEach((control) => control.addEventListener("change", draw));
  DARK.addEventListener("change", draw);
  return draw().then(() => {
    plot.on("plotly_click", (event) => {
      const run = event.points[0].customdata;
      if (typeof run === "string") location.hash = run;
    });
    plot.dataset.drawn = "yes";
  });
}

document.querySelectorAll(".chart").forEach(fill);
window.addEventListener("hashchange", () => unfold(decodeURIComponent(location.hash.slice(1))));
if (location.hash) unfold(decodeURIComponent(location.hash.slice(1)));
