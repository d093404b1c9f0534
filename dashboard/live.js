// Takes the parts of the page that have changed from the server, without reload. While nobody looks it asks for nothing.
"use strict";

const STATE = document.getElementById("state");
let stream = null;

/** Puts a part in its place, unless the reader is just using it; what was typed and unfolded stays. */
function put(key, markup) {
  const place = document.querySelector(`[data-part="${CSS.escape(key)}"]`);
  if (!place || (place.contains(document.activeElement) && document.activeElement.tagName === "INPUT")) return;
  const open = [...place.querySelectorAll("details")].map((part) => part.open);
  const sorted = [...place.querySelectorAll("table")].map((table) => [...table.querySelectorAll("th")].findIndex((head) => head.ariaSort));
  const down = [...place.querySelectorAll("table")].map((table) => Boolean(table.querySelector('th[aria-sort="descending"]')));
  place.innerHTML = markup;
  place.querySelectorAll("details").forEach((part, number) => { part.open = Boolean(open[number]); });
  liveTables(place);
  place.querySelectorAll("table").forEach((table, number) => {
    const button = sorted[number] >= 0 ? table.querySelectorAll("th")[sorted[number]].querySelector("button") : null;
    if (button) { button.click(); if (down[number]) button.click(); }
  });
}

function listen() {
  if (stream || document.hidden) return;
  stream = new EventSource("/changes");
  stream.onmessage = (event) => {
    for (const [key, markup] of Object.entries(JSON.parse(event.data))) put(key, markup);
    STATE.textContent = `As of ${new Date().toLocaleTimeString()}.`;
    document.body.dataset.live = "yes";
  };
  stream.onerror = () => { STATE.textContent = "The server does not answer; is hmmr dashboard still running?"; };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden && stream) { stream.close(); stream = null; } else listen();
});
listen();
