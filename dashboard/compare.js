// Draws the series that the reader picks: over each other, by test set, or as paired differences to the first. What is
// picked stands in the address behind #compare?, so that a link shows the same.
"use strict";

const HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"];
const SYMBOLS = ["circle", "square", "diamond", "triangle", "times", "star", "plus"];
const MOST_LABELLED = 6;
const T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042];

/** Student's t at 97.5 % with so many degrees of freedom (Student 1908; any table); beyond 30 by its expansion. */
function t975(free) { return free <= 30 ? T_975[free - 1] : 1.95996 + 2.3722 / free + 2.8225 / (free * free); }

function mean(values) { return values.reduce((sum, value) => sum + value, 0) / values.length; }

/** [mean, low, high] of paired differences: the 95 % t interval; without ends for one pair. */
function interval(differences) {
  const middle = mean(differences), n = differences.length;
  if (n < 2) return [middle, null, null];
  const spread = Math.sqrt(differences.reduce((sum, d) => sum + (d - middle) ** 2, 0) / (n - 1) / n);
  return [middle, middle - t975(n - 1) * spread, middle + t975(n - 1) * spread];
}

/** Each name without the words that all of them share; "main" where nothing is left, the whole where two are alike. */
function shortNames(series) {
  const shared = series.length < 2 ? new Set() : new Set(series[0].words.filter((word) => series.every((one) => one.words.includes(word))));
  const names = series.map((one) => one.words.filter((word) => !shared.has(word)).join(" ") || "main");
  return names.map((name, place) => names.indexOf(name) === names.lastIndexOf(name) ? name : series[place].words.join(" "));
}

/** The text cut to so many characters, of a series' name the end, which tells it from others. */
function clip(text, length, end = false) {
  if (text.length <= length) return text;
  return end ? "…" + text.slice(1 - length) : text.slice(0, length - 1) + "…";
}

/** Label heights moved apart by `gap` px, in the order of `wanted`, none below `bottom`. */
function apart(wanted, gap, bottom) {
  const order = wanted.map((y, place) => [y, place]).sort((a, b) => a[0] - b[0]);
  const placed = [];
  let last = -Infinity;
  for (const [y, place] of order) placed[place] = last = Math.max(y, last + gap);
  let limit = bottom;
  for (const [, place] of order.reverse()) { placed[place] = Math.min(placed[place], limit); limit = placed[place] - gap; }
  return placed;
}

/** The mean over the seeds at each size. */
function means(cells) {
  const sizes = [...new Set(cells.map((cell) => cell[0]))].sort((a, b) => a - b);
  return sizes.map((size) => [size, mean(cells.filter((cell) => cell[0] === size).map((cell) => cell[2]))]);
}

/** Where hours lie: as they are, or 0 at 0, the smallest size at 1, each doubling one further. */
function placing(sizes, linear) {
  const least = Math.min(...sizes.filter((size) => size > 0));
  return linear ? (size) => size : (size) => size <= 0 ? 0 : 1 + Math.log2(size / least);
}

/** Ticks at the sizes themselves, none over another. */
function sizeTicks(sizes, place, most) {
  const last = Math.max(...sizes.map(place), 1e-9);
  const kept = [];
  for (const size of [...sizes].sort((a, b) => a - b))
    if (!kept.length || (place(size) - place(kept[kept.length - 1])) / last >= 1 / most) kept.push(size);
  return kept;
}

class Comparison {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(document.getElementById("data-compare").textContent);
    this.plot = root.querySelector(".plot");
    this.said = root.querySelector(".said");
    const own = this.data.series.map((one, place) => place).filter((place) => this.data.series[place].first);
    const whole = this.data.settings[0];
    this.state = { metric: whole.metric, protocol: whole.protocol, set: whole.set, view: "over", hours: "log",
      baselines: false, picked: own.slice(0, MOST_LABELLED) };
    this.read();
    this.controls();
    redrawn(this.plot, () => this.draw());
    window.addEventListener("hashchange", () => { if (this.read()) { this.controls(); this.draw(); root.scrollIntoView(); } });
  }

  /** Takes the state out of the address; false where it holds none. What it names and is not here is passed over. */
  read() {
    const hash = location.hash;
    if (!hash.startsWith("#compare?")) return false;
    const told = new URLSearchParams(hash.slice("#compare?".length));
    for (const name of ["metric", "protocol", "set"])
      if (this.data.settings.some((one) => one[name] === told.get(name))) this.state[name] = told.get(name);
    if (["over", "sets", "change"].includes(told.get("view"))) this.state.view = told.get("view");
    if (["log", "linear"].includes(told.get("hours"))) this.state.hours = told.get("hours");
    this.state.baselines = told.get("baselines") === "1";
    const ids = (told.get("series") || "").split(".");
    const picked = ids.map((id) => this.data.series.findIndex((one) => one.id === id)).filter((place) => place >= 0);
    if (picked.length) this.state.picked = [...new Set(picked)];
    return true;
  }

  write() {
    const { picked, baselines, ...rest } = this.state;
    const told = new URLSearchParams({ ...rest, series: picked.map((place) => this.data.series[place].id).join(".") });
    if (baselines) told.set("baselines", "1");
    history.replaceState(null, "", "#compare?" + told);
  }

  changed() { this.write(); this.controls(); this.draw(); }

  options(name, names) {
    const list = this.root.querySelector(".by-" + name);
    if (names) {
      const drawn = names.map(([value, text]) => { const made = new Option(text, value); return made; });
      list.replaceChildren(...drawn);
      list.parentElement.hidden = names.length < 2 || (name === "set" && this.state.view === "sets");
    }
    list.value = this.state[name];
    list.onchange = () => { this.state[name] = list.value; this.changed(); };
  }

  controls() {
    const { settings } = this.data, state = this.state;
    const among = (key, where) => [...new Set(settings.filter(where).map((one) => one[key]))];
    this.options("metric", among("metric", () => true).map((metric) => [metric, settings.find((one) => one.metric === metric).name]));
    const sets = among("set", (one) => one.metric === state.metric);
    if (!sets.includes(state.set)) state.set = sets[0];
    this.options("set", sets.map((set) => [set, set]));
    const protocols = among("protocol", (one) => one.metric === state.metric && one.set === state.set);
    if (!protocols.includes(state.protocol)) state.protocol = protocols[0];
    this.options("protocol", protocols.map((protocol) => [protocol, protocol]));
    this.options("view", null);
    this.options("hours", null);
    const all = this.root.querySelector(".baselines");
    all.checked = state.baselines;
    all.onchange = () => { state.baselines = all.checked; this.changed(); };
    all.parentElement.hidden = !this.data.levels.some((of) => Object.values(of).some((lines) => lines.some((line) => !line[2])));
    this.boxes();
    const share = this.root.querySelector(".share");
    share.onclick = async () => {
      this.write();
      const note = this.root.querySelector(".shared");
      try { await navigator.clipboard.writeText(location.href); note.textContent = "Copied."; }
      catch { note.textContent = "The address of this page now leads here: " + location.hash; }
    };
  }

  boxes() {
    const place = this.root.querySelector(".series"), names = shortNames(this.data.series);
    this.root.querySelector(".picked").hidden = names.length < 2;
    if (!place.childElementCount) {
      const find = document.createElement("input");
      find.type = "search"; find.className = "find"; find.placeholder = "find a series"; find.setAttribute("aria-label", "Find a series");
      find.hidden = names.length < 10;
      find.oninput = () => place.querySelectorAll("label").forEach((label) => {
        label.hidden = !label.title.toLowerCase().includes(find.value.toLowerCase());
      });
      place.parentElement.insertBefore(find, place);
      place.append(...names.map((name, number) => {
        const label = document.createElement("label"), box = document.createElement("input");
        box.type = "checkbox"; box.className = "one"; box.value = number; box.autocomplete = "off";
        box.onchange = () => {
          const now = this.state.picked.filter((one) => one !== number);
          this.state.picked = box.checked ? [...now, number] : now;
          this.changed();
        };
        label.title = this.data.series[number].name;
        label.append(box, " ", name);
        return label;
      }));
    }
    place.querySelectorAll("input.one").forEach((box) => { box.checked = this.state.picked.includes(Number(box.value)); });
  }

  /** The place of the chosen setting, of another test set where one is named; -1 where nothing was scored. */
  setting(set = this.state.set) {
    const { metric, protocol } = this.state;
    const near = this.data.settings.findIndex((one) => one.metric === metric && one.set === set && one.protocol === protocol);
    return near >= 0 || set === this.state.set ? near : this.data.settings.findIndex((one) => one.metric === metric && one.set === set);
  }

  draw() {
    const width = this.plot.clientWidth, { view } = this.state;
    this.said.replaceChildren();
    if (!this.state.picked.length) { this.plot.replaceChildren(this.words("No series is picked.")); return; }
    if (view === "sets") {
      const sets = [...new Set(this.data.settings.filter((one) => one.metric === this.state.metric).map((one) => one.set))];
      const each = window.innerWidth <= 760 ? width : Math.floor((width - 24) / 2);
      this.plot.replaceChildren(...sets.map((set) => this.framed(set, this.over(this.setting(set), each, 280))));
      this.plot.classList.add("many");
      return;
    }
    this.plot.classList.remove("many");
    const number = this.setting();
    this.plot.replaceChildren(view === "over" ? this.over(number, width, width < 500 ? 340 : 420) : this.change(number, width));
  }

  words(text) { const made = document.createElement("p"); made.className = "quiet"; made.textContent = text; return made; }

  framed(title, inner) {
    const figure = document.createElement("figure"), head = document.createElement("figcaption");
    head.textContent = title;
    figure.append(head, inner);
    return figure;
  }

  /** The picked series that were scored in a setting, with their cells, short name, colour and symbol. */
  lines(number) {
    if (number < 0) return [];
    const names = shortNames(this.state.picked.map((place) => this.data.series[place]));
    return this.state.picked.map((place, rank) => ({
      place, name: names[rank], cells: this.data.cells[number][place], colour: ink(HUES[rank % 7]),
      symbol: SYMBOLS[(rank + Math.floor(rank / 7)) % 7],
    })).filter((line) => line.cells);
  }

  over(number, width, height) {
    const lines = this.lines(number);
    if (!lines.length) return this.words("None of the picked series was scored here.");
    const sizes = [...new Set(lines.flatMap((line) => line.cells.map((cell) => cell[0])))].sort((a, b) => a - b);
    const at = placing(sizes, this.state.hours === "linear"), last = Math.max(...sizes.map(at)) || 1;
    const levels = (this.data.levels[number][lines[0].place] || []).filter((level) => level[2] || this.state.baselines);
    const dots = lines.flatMap((line) => line.cells.map(([hours, seed, value, run]) => ({ x: at(hours), y: value, line,
      run: run >= 0 ? "run-" + this.data.runs[run] : "", tip: `${line.name}\nseed ${seed}, ${hoursText(hours)}: ${value.toFixed(2)}` })));
    const curves = lines.map((line) => ({ line, points: means(line.cells).map(([hours, value]) => ({ x: at(hours), y: value })) }));
    const laws = lines.flatMap((line) => {
      const law = this.data.laws[number][line.place];
      return law ? [{ line, law, points: law.line.filter((p) => p[0] <= sizes[sizes.length - 1]).map(([h, v, low, high]) => ({ x: at(h), y: v, low, high })) }] : [];
    });
    const values = [...dots.map((dot) => dot.y), ...levels.map((level) => level[1])];
    const room = (Math.max(...values) - Math.min(...values) || 1) * 0.06;
    const domain = [Math.min(...values) - room, Math.max(...values) + room];
    const narrow = width < 560, top = 28, bottom = 46;
    const labels = [
      ...curves.slice(0, MOST_LABELLED).map(({ line, points }) => ({ y: points[points.length - 1].y, text: line.name, fill: line.colour, weight: 600 })),
      ...levels.map(([words, value]) => ({ y: value, text: words, fill: "var(--quiet)", weight: 400 })),
    ];
    const most = Math.max(8, Math.min(40, Math.floor((width * 0.42 - 14) / 8.4) - 6));
    const written = labels.map((label) => `${clip(label.text, most, label.weight === 600)} ${short(label.y)}`);
    const right = Math.min(14 + 8.4 * Math.max(...written.map((text) => text.length)), width * 0.45);
    const px = (value) => top + (height - top - bottom) * (domain[1] - value) / (domain[1] - domain[0]);
    const heights = apart(labels.map((label) => px(label.y)), 16, height - bottom);
    const ticks = sizeTicks(sizes, at, narrow ? 4 : 9);
    const marks = [
      Plot.ruleY(levels, { y: (level) => level[1], stroke: "var(--quiet)", strokeDasharray: "6 4", strokeWidth: 1.5 }),
      ...laws.flatMap(({ line, points }) => [
        Plot.areaY(points, { x: "x", y1: "low", y2: "high", fill: line.colour, fillOpacity: 0.12, clip: true }),
        Plot.line(points, { x: "x", y: "y", stroke: line.colour, strokeDasharray: "2 3", clip: true }),
      ]),
      ...curves.map(({ line, points }) => Plot.line(points, { x: "x", y: "y", stroke: line.colour, strokeWidth: 2.5 })),
      Plot.dot(dots, { x: "x", y: "y", stroke: (dot) => dot.line.colour, symbol: (dot) => dot.line.symbol, r: 4, fill: "var(--page)" }),
      ...labels.map((label, place) => Plot.text([label], { frameAnchor: "top-right", dx: 8, dy: heights[place] - top, textAnchor: "start",
        lineAnchor: "middle", fill: label.fill, fontWeight: label.weight, text: () => written[place] })),
      Plot.tip(dots, Plot.pointer({ x: "x", y: "y", title: "tip" })),
    ];
    const plot = Plot.plot({
      width, height, marginLeft: 52, marginRight: right, marginTop: top, marginBottom: bottom,
      style: { fontSize: "13px", background: "transparent" }, symbol: { type: "identity" }, color: { type: "identity" },
      x: { domain: [0, last], label: "added film", labelAnchor: "center", labelArrow: "none", line: true, ticks: ticks.map(at),
        tickFormat: (place) => hoursText(ticks.find((size) => at(size) === place)) },
      y: { domain, label: this.data.settings[number].name, labelArrow: "none", grid: true, ticks: 6 },
      marks,
    });
    finished(plot, dots);
    if (lines.length > MOST_LABELLED) this.said.replaceChildren(this.words(`${lines.length} series; the first ${MOST_LABELLED} are named at their ends, the others when they are pointed at.`));
    return plot;
  }

  /** Differences to the first picked series: at each size, and over all sizes with film, paired by seed. */
  differences(number) {
    const [base, ...others] = this.lines(number);
    if (!base || base.place !== this.state.picked[0] || !others.length) return null;
    const known = new Map(base.cells.map(([hours, seed, value]) => [hours + " " + seed, value]));
    return others.map((line) => {
      const pairs = line.cells.flatMap(([hours, seed, value]) => known.has(hours + " " + seed) ? [[hours, seed, value - known.get(hours + " " + seed)]] : []);
      const sizes = [...new Set(pairs.map((pair) => pair[0]))].sort((a, b) => a - b);
      const rows = sizes.map((size) => ({ size, ...this.told(pairs.filter((pair) => pair[0] === size).map((pair) => pair[2])) }));
      const seeds = [...new Set(pairs.filter((pair) => pair[0] > 0).map((pair) => pair[1]))];
      const whole = seeds.map((seed) => mean(pairs.filter((pair) => pair[0] > 0 && pair[1] === seed).map((pair) => pair[2])));
      return { line, rows, whole: whole.length ? this.told(whole) : null };
    });
  }

  told(differences) { const [value, low, high] = interval(differences); return { value, low, high, pairs: differences.length }; }

  change(number, width) {
    const found = this.differences(number);
    if (found === null) return this.words("A difference needs two picked series that were scored here; the first one is what the others are held against.");
    const sizes = [...new Set(found.flatMap(({ rows }) => rows.map((row) => row.size)))].sort((a, b) => a - b);
    if (!sizes.length) return this.words("The picked series have no size and seed in common.");
    const at = placing(sizes, this.state.hours === "linear"), last = Math.max(...sizes.map(at)) || 1;
    const step = last / Math.max(sizes.length, 1) / (found.length + 3);
    const dots = found.flatMap(({ line, rows }, rank) => rows.map((row) => ({ ...row, line, x: at(row.size) + step * (rank - (found.length - 1) / 2),
      tip: `${line.name}, ${hoursText(row.size)}: ${this.between(row)}` })));
    const narrow = width < 500, ticks = sizeTicks(sizes, at, narrow ? 4 : 9);
    const ends = dots.flatMap((dot) => dot.low === null ? [dot.value] : [dot.low, dot.high]);
    const plot = Plot.plot({
      width, height: narrow ? 320 : 380, marginLeft: 52, marginRight: narrow ? 16 : 24, marginTop: 28, marginBottom: 46,
      style: { fontSize: "13px", background: "transparent" }, symbol: { type: "identity" }, color: { type: "identity" },
      x: { domain: [-step * found.length, last + step * found.length], label: "added film", labelAnchor: "center", labelArrow: "none", line: true,
        ticks: ticks.map(at), tickFormat: (place) => hoursText(ticks.find((size) => at(size) === place)) },
      y: { domain: [Math.min(0, ...ends), Math.max(0, ...ends)], nice: true, label: "change of " + this.data.settings[number].name + "; negative is better", labelArrow: "none", grid: true, ticks: 6 },
      marks: [
        Plot.ruleY([0], { stroke: "currentColor" }),
        Plot.ruleX(dots.filter((dot) => dot.low !== null), { x: "x", y1: "low", y2: "high", stroke: (dot) => dot.line.colour, strokeWidth: 1.5 }),
        Plot.dot(dots, { x: "x", y: "value", fill: (dot) => dot.line.colour, stroke: (dot) => dot.line.colour, symbol: (dot) => dot.line.symbol, r: 4.5 }),
        Plot.tip(dots, Plot.pointer({ x: "x", y: "value", title: "tip" })),
      ],
    });
    finished(plot, dots);
    this.said.replaceChildren(this.table(found));
    return plot;
  }

  between(row) {
    const sign = (value) => (value > 0 ? "+" : "") + short(value);
    return row.low === null ? `${sign(row.value)} (one pair, no interval)` : `${sign(row.value)} [${sign(row.low)}, ${sign(row.high)}]`;
  }

  table(found) {
    const box = document.createElement("div"), made = document.createElement("table");
    box.className = "scroll"; box.tabIndex = 0; box.setAttribute("role", "region");
    const base = shortNames(this.state.picked.map((place) => this.data.series[place]))[0];
    const caption = `Change against ${base}, paired by size and seed; 95 % t interval over the pairs`;
    box.setAttribute("aria-label", caption);
    made.createCaption().textContent = caption;
    const heads = ["series", "added film", "pairs", "change [95 %]"];
    const head = made.createTHead().insertRow();
    for (const text of heads) { const cell = document.createElement("th"); cell.scope = "col"; cell.textContent = text; head.append(cell); }
    const body = made.createTBody();
    const add = (line, ...cells) => {
      const row = body.insertRow();
      [line.name, ...cells].forEach((text, place) => { const cell = row.insertCell(); cell.textContent = text; cell.dataset.head = heads[place]; });
      row.cells[0].style.setProperty("border-left", `.4rem solid ${line.colour}`);
    };
    for (const { line, rows, whole } of found) {
      if (whole) add(line, "all with film", whole.pairs, this.between(whole));
      for (const row of rows) add(line, hoursText(row.size), row.pairs, this.between(row));
    }
    box.append(made);
    return box;
  }
}

document.querySelectorAll(".compare").forEach((root) => {
  const begin = () => { if (!root.dataset.begun) { root.dataset.begun = "yes"; root.comparison = new Comparison(root); } };
  if (location.hash.startsWith("#compare?")) { begin(); root.scrollIntoView(); } else afterPaint(root, begin);
});
