// Moving skeletons of the gallery: each is fetched when it comes near the window, and plays when it is asked to. The body
// in 3D, where there is one, can be turned with the mouse or the arrow keys.
"use strict";

const BONES = JSON.parse(document.getElementById("bones").textContent);
const SIDES = ["currentColor", "#0072B2", "#D55E00"];
const SIZE = 150;

function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A frame's joints as [x, y] or null: of 2D those with a score, of 3D those with a place. */
function flatJoint(row, joint) { return row[3 * joint + 2] > 0 ? [row[3 * joint], row[3 * joint + 1]] : null; }

function turnedJoint(row, joint, turn) {
  const [x, y, z] = row.slice(3 * joint, 3 * joint + 3);
  return x === null || y === null || z === null ? null : [x * Math.cos(turn) + z * Math.sin(turn), y];
}

/** Scale and shift by which all joints of all frames fit into the picture. */
function fitting(frames) {
  const points = frames.flat().filter(Boolean);
  if (!points.length) return null;
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const least = [Math.min(...xs), Math.min(...ys)], most = [Math.max(...xs), Math.max(...ys)];
  const scale = (SIZE - 16) / Math.max(most[0] - least[0], most[1] - least[1], 1e-6);
  return (p) => p.map((value, axis) => SIZE / 2 + scale * (value - (least[axis] + most[axis]) / 2));
}

function joints(rows, joint) { return rows.map((row) => [...Array(25).keys()].map((number) => joint(row, number))); }

function stage(label) {
  const made = svg("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, width: SIZE, height: SIZE, role: "img", "aria-label": label });
  const lines = BONES.map((bone) => made.appendChild(svg("line", { stroke: SIDES[bone[2]], "stroke-width": 2.4, "stroke-linecap": "round" })));
  return [made, (frame, fit) => lines.forEach((line, place) => {
    const ends = BONES[place].slice(0, 2).map((joint) => frame[joint]);
    const whole = fit && ends.every(Boolean);
    line.style.display = whole ? "" : "none";
    if (whole) ends.map(fit).forEach(([x, y], end) => { line.setAttribute("x" + (end + 1), x); line.setAttribute("y" + (end + 1), y); });
  })];
}

function play(place, shown) {
  const flat = joints(shown.flat, flatJoint), fit = fitting(flat);
  const [picture, draw] = stage("2D keypoints of this label");
  const row = document.createElement("div");
  row.append(picture);
  let now = 0, turn = 0, timer = null, body = null;
  if (shown.body) {
    const [solid, drawSolid] = stage(`${shown.body_of}; turn it with the arrow keys`);
    solid.tabIndex = 0;
    solid.classList.add("solid");
    const fitSolid = fitting(joints(shown.body, (r, j) => turnedJoint(r, j, 0)));
    body = () => { const frame = shown.body[Math.min(now, shown.body.length - 1)];
      drawSolid([...Array(25).keys()].map((joint) => turnedJoint(frame, joint, turn)), fitSolid); };
    solid.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.2, ArrowRight: 0.2 }[event.key];
      if (step) { turn += step; body(); event.preventDefault(); }
    });
    solid.addEventListener("pointermove", (event) => { if (event.buttons) { turn += event.movementX / 60; body(); } });
    row.append(solid);
  }
  const time = document.createElement("input"), button = document.createElement("button"), bar = document.createElement("div");
  Object.assign(time, { type: "range", min: 0, max: flat.length - 1, value: 0 });
  time.setAttribute("aria-label", "Frame");
  button.type = "button"; button.textContent = "Play";
  const show = () => { draw(flat[now], fit); if (body) body(); time.value = now; };
  time.addEventListener("input", () => { now = Number(time.value); show(); });
  button.addEventListener("click", () => {
    if (timer === null) timer = setInterval(() => { now = (now + 1) % flat.length; show(); }, 1000 / (shown.fps || 25));
    else { clearInterval(timer); timer = null; }
    button.textContent = timer === null ? "Play" : "Pause";
  });
  bar.append(button, " ", time);
  place.replaceChildren(row, ...(flat.length > 1 ? [bar] : []));
  if (shown.body) { const words = document.createElement("p"); words.className = "quiet"; words.textContent = `2D, and ${shown.body_of} (turn it)`; place.append(words); }
  show();
  place.dataset.drawn = "yes";
}

async function load(place) {
  const here = place.querySelector("[data-frames]");
  if (here) { play(place, JSON.parse(here.dataset.frames)); return; }
  if (!place.dataset.motion) return;
  const answer = await fetch(place.dataset.motion);
  if (answer.ok) play(place, await answer.json());
  else place.textContent = "This label is gone from the lake.";
}

const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
  if (entry.isIntersecting) { near.unobserve(entry.target); load(entry.target); }
}), { rootMargin: "300px" });
document.querySelectorAll(".motion").forEach((place) => near.observe(place));

document.querySelectorAll("details[data-why]").forEach((fold) => fold.addEventListener("toggle", async () => {
  if (!fold.open || fold.dataset.asked) return;
  fold.dataset.asked = "yes";
  const answer = await fetch(fold.dataset.why), place = document.createElement("div");
  place.innerHTML = await answer.text(); // escaped by the server
  fold.append(place);
}));
