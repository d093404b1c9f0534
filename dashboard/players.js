// Moving skeletons: draws one frame of each head over the truth, as the camera sees it and from the side.
"use strict";

const SIDES = ["#333333", "#0072B2", "#D55E00"];
const WIDE = 120;
const SCALE = 52 / 1000; // px a mm: a person of 1.9 m, hips in the middle, fits into 120 px

/** A line of the SVG, made once for each bone and moved afterwards. */
function line(stage, colour, width) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "line");
  made.setAttribute("stroke", colour);
  made.setAttribute("stroke-width", width);
  made.setAttribute("stroke-linecap", "round");
  return stage.appendChild(made);
}

/** Puts a bone of a row of 75 mm into its cell; hides it where a joint is missing. axis 0: camera, 2: side. */
function put(drawn, row, bone, axis, left, top) {
  const ends = bone.slice(0, 2).map((joint) => row && [row[3 * joint + axis], row[3 * joint + 1]]);
  const whole = row && ends.every((end) => end[0] !== null && end[1] !== null);
  drawn.style.display = whole ? "" : "none";
  if (!whole) return;
  ends.forEach((end, place) => {
    drawn.setAttribute("x" + (place + 1), left + WIDE / 2 + SCALE * end[0]);
    drawn.setAttribute("y" + (place + 1), top + WIDE / 2 + SCALE * end[1]);
  });
}

function player(figure) {
  const shown = JSON.parse(figure.querySelector("script").textContent);
  const stage = figure.querySelector("svg");
  const time = figure.querySelector("input.time");
  const button = figure.querySelector("button.play");
  const cells = shown.heads.flatMap((head, column) => [0, 2].map((axis, row) => ({
    head, axis, left: column * WIDE, top: row * WIDE, shift: { past: -shown.delta, present: 0, future: shown.delta }[head],
    truth: shown.bones.map(() => line(stage, "#bbbbbb", 3)),
    said: shown.bones.map((bone) => line(stage, SIDES[bone[2]], 2)),
  })));
  const draw = () => cells.forEach((cell) => {
    const now = Number(time.value);
    shown.bones.forEach((bone, place) => {
      put(cell.truth[place], shown.tracks.truth[now + cell.shift], bone, cell.axis, cell.left, cell.top);
      put(cell.said[place], shown.tracks[cell.head][now], bone, cell.axis, cell.left, cell.top);
    });
  });
  let timer = null;
  const step = () => { time.value = (Number(time.value) + 1) % (Number(time.max) + 1); draw(); };
  button.addEventListener("click", () => {
    if (timer === null) timer = setInterval(step, 1000 / shown.fps);
    else { clearInterval(timer); timer = null; }
    button.textContent = timer === null ? "Play" : "Pause";
  });
  time.addEventListener("input", draw);
  draw();
}

document.querySelectorAll(".player").forEach(player);
