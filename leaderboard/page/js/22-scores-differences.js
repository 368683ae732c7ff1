// The main table against a baseline: paired differences instead of scores.
(() => {
  "use strict";
  const table = document.getElementById("score-table");
  if (!table) return;
  const { scopes, pair, interval, sign, word, title } = gvt.comparisons;
  const heads = [...table.tHead.rows[0].cells].filter((head) => head.dataset.scope);
  const rows = [...table.querySelectorAll("tr[data-column]")];
  const legend = document.getElementById("differences-legend");
  let made = [];

  const difference = (cell, column, baseline, scope) => {
    const found = pair(column, baseline, scope);
    if (!found) return gvt.el("span", { class: "apart" }, "–");
    const unit = scopes.get(scope).unit;
    const href = cell.querySelector("a.to-samples")?.getAttribute("href");
    return gvt.el(
      "span", { class: found.clear ? "apart" : "apart level" },
      gvt.el("a", { class: "to-samples", href },
        gvt.el("span", { "aria-hidden": true }, `${sign(found)} `), gvt.signed(unit, found.mean),
        gvt.el("span", { class: "sr" }, `, ${word(found)}`)),
      gvt.el("span", { class: "ci" }, interval(unit, found.low, found.high)),
      found.clear ? null : gvt.el("span", { class: "ci" }, "not shown"),
    );
  };
  const wrap = (cell) => {
    if (cell.querySelector(".score")) return;
    const holder = gvt.el("div", { class: "score" });
    holder.append(...cell.childNodes);
    cell.append(holder);
  };
  const clear = () => {
    for (const node of made) node.remove();
    made = [];
    for (const row of rows) row.classList.remove("baseline");
    for (const holder of table.querySelectorAll(".keep")) holder.classList.replace("keep", "score");
  };
  const fill = (row, baseline) => {
    for (const head of heads) {
      const cell = row.cells[head.cellIndex];
      wrap(cell);
      const node = difference(cell, row.dataset.column, baseline, head.dataset.scope);
      cell.append(node);
      made.push(node);
    }
  };

  gvt.baseline.follow((baseline) => {
    clear();
    table.classList.toggle("differences", Boolean(baseline));
    legend.hidden = !baseline;
    if (!baseline) { if (legend.dataset.used) gvt.announce("The table shows scores."); return; }
    legend.querySelector("b").textContent = title(baseline);
    legend.dataset.used = "yes";
    for (const row of rows) {
      if (row.dataset.column !== baseline) { fill(row, baseline); continue; }
      row.classList.add("baseline");
      for (const holder of row.querySelectorAll(".score")) holder.classList.replace("score", "keep");
      const note = gvt.el("span", { class: "ci" }, "baseline, its scores");
      row.cells[0].append(note);
      made.push(note);
    }
    gvt.announce(`The table shows paired differences from ${title(baseline)}.`);
  });
})();
