"use strict";
// Copying, and the leaderboard: sorting, filtering, unfolding. Without this script the page says the same, in one order.

const say = (text) => { document.getElementById("said").textContent = text; };

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not every browser lets a page from a file have the clipboard.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("Copied");
}

function copyButton(label, source) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", () => {
    copy(source.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}

for (const source of document.querySelectorAll("pre[data-copy]")) {
  source.before(copyButton(source.dataset.copy, source));
}

const table = document.getElementById("entries");
if (table) {
  const known = (id) => JSON.parse(document.getElementById(id).textContent);
  const body = table.tBodies[0];
  const entries = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const names = headings.map((cell) => cell.textContent.trim().toLowerCase());
  const filter = document.getElementById("filter");
  const outcome = document.getElementById("outcome");
  let keys, details;
  // What a cell is sorted and compared by: a number, a text, or null where there is nothing.
  const key = (row, column) => (keys ??= known("keys"))[row.dataset.row][column];

  // What rows have been unfolded to.
  const unfolded = new Map();

  // Laying out a thousand rows takes a browser half a second: those that are seen first come at once, the others little by little.
  const AT_ONCE = 100;
  let waiting = [], next;
  function place(count) {
    body.append(...waiting.splice(0, count).flatMap((row) => (unfolded.has(row) ? [row, unfolded.get(row)] : [row])));
    clearTimeout(next);
    if (waiting.length) next = setTimeout(place, 0, AT_ONCE);
    else for (const heading of headings) heading.style.minWidth = "";
  }

  // Sorting: what is empty comes last in either direction.
  const collator = new Intl.Collator("en", { numeric: true });
  function sort(column, descending) {
    const ahead = (x, y) => (typeof x === "number" && typeof y === "number" ? x - y : collator.compare(String(x), String(y)));
    const keyed = entries.map((row) => [key(row, column), row]);
    keyed.sort(([x], [y]) => (x === null || y === null ? (x === null) - (y === null) : descending ? ahead(y, x) : ahead(x, y)));
    // Columns stay as wide as they are while rows are missing.
    const widths = headings.map((heading) => heading.getBoundingClientRect().width);
    for (const [index, heading] of headings.entries()) heading.style.minWidth = `${widths[index]}px`;
    waiting = keyed.map(([, row]) => row);
    body.replaceChildren();
    place(AT_ONCE);
    table.parentElement.scrollTop = 0;
  }

  for (const [column, cell] of headings.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const descending = cell.getAttribute("aria-sort") === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(column, descending);
      say(`Sorted by ${names[column]}, ${descending ? "descending" : "ascending"}`);
    });
  }

  // Filtering: what stands between commas must all hold, a text that the row contains or a comparison with a column.
  function condition(text) {
    const parts = text.match(/^(.+?)\s*(<=|>=|<|>|=)\s*(.+)$/);
    if (!parts) return (row) => row.textContent.toLowerCase().includes(text);
    const [, name, sign, value] = parts;
    let column = names.indexOf(name);
    if (column < 0) column = names.findIndex((one) => one.includes(name));
    if (column < 0) return null;
    const number = Number(value);
    return (row) => {
      const found = key(row, column);
      if (found === null) return false;
      if (typeof found === "string" || Number.isNaN(number)) return sign === "=" && String(found).toLowerCase() === value;
      return { "<": found < number, ">": found > number, "<=": found <= number, ">=": found >= number, "=": found === number }[sign];
    };
  }

  function show() {
    const conditions = filter.value.toLowerCase().split(",").map((text) => text.trim()).filter(Boolean).map(condition);
    const wrong = conditions.includes(null);
    let shown = 0;
    for (const row of entries) {
      const fits = wrong || ((!outcome.value || row.dataset.outcome === outcome.value) && conditions.every((fits) => fits(row)));
      row.hidden = !fits;
      shown += fits;
      if (unfolded.has(row)) unfolded.get(row).hidden = !fits;
    }
    filter.setAttribute("aria-invalid", String(wrong));
    document.getElementById("shown").textContent = wrong ? "no column has that name" : `${shown} of ${entries.length} trials`;
  }
  filter.addEventListener("input", show);
  outcome.addEventListener("change", show);
  document.getElementById("tools").hidden = false;
  show();

  // Unfolding.
  function element(name, text, parent, attributes = {}) {
    const made = document.createElement(name);
    if (text !== null) made.textContent = text;
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    parent?.append(made);
    return made;
  }

  function curve(own, rungs, known) {
    const draw = (name, attributes, parent) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
      parent.append(made);
      return made;
    };
    const best = known.curves[known.best] ?? [];
    const all = [...own, ...(best === own ? [] : best)];
    const values = all.map((point) => point[1]).filter((value) => value !== null);
    if (!values.length) return null;
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (low === high) [low, high] = [low - Math.abs(low || 1) * 0.05, high + Math.abs(high || 1) * 0.05];
    const most = Math.max(...all.map((point) => point[0]), rungs.at(-1)?.[1] ?? 1);
    const [width, height, left, right, top, bottom] = [520, 250, 62, 12, 12, 34];
    const x = (examples) => left + (examples / most) * (width - left - right);
    const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    const text = (at, up, words, anchor) => { draw("text", { x: at, y: up, "text-anchor": anchor }, svg).textContent = words; };
    for (const [place, [rung, examples]] of rungs.entries()) {
      draw("line", { class: "rung", x1: x(examples), x2: x(examples), y1: top, y2: height - bottom }, svg);
      text(x(examples), height - 18, `rung ${rung}`, place + 1 === rungs.length ? "end" : "middle");
    }
    for (const value of [low, high]) {
      draw("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }, svg);
      text(left - 6, y(value) + 4, value.toPrecision(4), "end");
    }
    text((left + width - right) / 2, height - 3, `training examples, to ${most.toLocaleString("en")}`, "middle");
    const line = (points, kind) => {
      const path = points.filter((point) => point[1] !== null).map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`);
      draw("polyline", { class: kind, points: path.join(" ") }, svg);
      if (kind === "own") for (const point of path) draw("circle", { class: kind, cx: point.split(",")[0], cy: point.split(",")[1], r: 2.4 }, svg);
    };
    if (best !== own) line(best, "best");
    line(own, "own");
    const last = own.findLast((point) => point[1] !== null);
    svg.setAttribute("aria-label", last ? `${known.metric} of this trial over training examples: ${own[0][1]} at ${own[0][0]}, ${last[1]} at ${last[0]}` : "no value yet");
    return svg;
  }

  function unfold(row, button) {
    if (button.getAttribute("aria-expanded") === "true") {
      unfolded.get(row).remove();
      unfolded.delete(row);
      button.setAttribute("aria-expanded", "false");
      return;
    }
    details ??= known("details");
    const about = details.trials[row.dataset.row];
    const line = element("tr", null, null, { class: "details", id: `details-${row.dataset.row}` });
    const cell = element("td", null, line, { colspan: names.length });
    const box = element("div", null, cell, { class: "box" });
    const facts = element("div", null, box);
    if (about.cause) element("p", `Failed: ${about.cause}`, facts, { class: "warning" });
    const drawn = curve(details.curves[row.dataset.row], about.rungs, details);
    if (drawn) {
      const figure = element("figure", null, facts);
      figure.append(drawn);
      const other = Number(row.dataset.row) === details.best ? "" : " Dashed: the best trial.";
      element("figcaption", `${details.metric} on the validation split.${other}`, figure);
    }
    if (about.ran.length) {
      const list = element("ul", null, facts, { class: "ran" });
      for (const one of about.ran) element("li", one, list);
    }
    const config = element("div", null, box);
    const text = element("pre", about.config, null, { tabindex: "0", "aria-label": "Config" });
    config.append(copyButton("Copy the config", text), text);
    row.after(line);
    unfolded.set(row, line);
    button.setAttribute("aria-expanded", "true");
  }

  for (const row of entries) {
    const cell = row.cells[0];
    const button = document.createElement("button");
    button.type = "button";
    button.className = "unfold";
    button.append(...cell.childNodes);
    cell.append(button);
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-controls", `details-${row.dataset.row}`);
    button.setAttribute("aria-label", `Rank ${button.textContent}: details of trial ${row.cells[1].textContent.trim()}`);
    button.addEventListener("click", () => unfold(row, button));
  }

  // A link to a trial unfolds it.
  function follow() {
    place(waiting.length);
    const row = /^#trial-\d+$/.test(location.hash) ? document.getElementById(location.hash.slice(1)) : null;
    const button = row?.querySelector(".unfold");
    if (!button) return;
    if (row.hidden) { filter.value = ""; outcome.value = ""; show(); }
    if (button.getAttribute("aria-expanded") === "false") unfold(row, button);
    row.scrollIntoView({ block: "center" });
    button.focus({ preventScroll: true });
  }
  addEventListener("hashchange", follow);
  follow();
}
