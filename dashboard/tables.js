// Tables sort by a click on a heading and, where they are long, can be filtered.
"use strict";

const LONG = 12;

/** A cell as something that sorts: its number where it begins with one (units of time in hours), its text otherwise. */
function sortKey(cell) {
  const text = (cell ? cell.textContent : "").trim().replace(/,(?=\d{3})/g, "");
  const number = parseFloat(text.replace(/^[✓✗?]\s*/, ""));
  const unit = { s: 1 / 3600, min: 1 / 60, h: 1 }[(text.match(/^[-+]?[\d.e+]+ (s|min|h)$/) || [])[1]] || 1;
  return /^[-+]?[\d.]/.test(text) && !Number.isNaN(number) ? [0, number * unit, text] : [1, 0, text.toLowerCase()];
}

function sortBy(table, place, down) {
  const body = table.tBodies[0], rest = [...body.rows].filter((row) => row.querySelector(".more"));
  const rows = [...body.rows].filter((row) => !rest.includes(row)).map((row) => [sortKey(row.cells[place]), row]);
  rows.sort(([a], [b]) => a[0] - b[0] || (a[0] ? (a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : 0) : a[1] - b[1]));
  if (down) rows.reverse();
  body.append(...rows.map(([, row]) => row), ...rest);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button"; button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, place, down);
    });
  });
}

function makeFilter(box, table) {
  const label = document.createElement("label"), find = document.createElement("input");
  label.className = "filter";
  find.type = "search"; find.autocomplete = "off"; find.placeholder = "filter";
  find.setAttribute("aria-label", "Filter: " + (table.caption ? table.caption.textContent : "table"));
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  label.append(find);
  box.before(label);
}

function liveTables(root) {
  root.querySelectorAll(".scroll").forEach((box) => {
    const table = box.querySelector("table");
    if (!table || !table.tHead || table.dataset.live) return;
    table.dataset.live = "yes";
    if (table.tBodies[0].rows.length > 1) makeSortable(table);
    if (table.tBodies[0].rows.length > LONG) makeFilter(box, table);
  });
}

liveTables(document);
