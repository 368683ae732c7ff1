// Colours the categories by the distance from the chosen baseline, and shows the interval of a cell.
(() => {
  "use strict";
  const tools = document.getElementById("heat-tools");
  const maps = [...document.querySelectorAll("details.map")];
  const all = gvt.data("categories");
  if (!maps.length || !all) return;
  const { scores, scopes, title } = gvt.comparisons;
  const steps = 4;
  let baseline = null;

  const gaps = (task, column, against) => {
    const { means, higher } = all[task];
    return means[column].map((mean, i) => {
      const other = means[against]?.[i] ?? null;
      if (mean === null || other === null) return null;
      return higher ? mean - other : other - mean;
    });
  };
  const shade = (gap, most) => (gap === null || !most ? 0 : Math.sign(gap) * Math.min(steps, Math.ceil(steps * Math.abs(gap) / most - 1e-9)));
  const paint = (cell, gap, most, unit, base) => {
    if (!cell.classList.contains("none")) {
      cell.className = `num h${shade(gap, most)}${base ? " base" : ""}`;
      cell.querySelector(".ci").textContent = base ? "baseline" : gvt.signed(unit, gap);
    }
  };
  const draw = (map) => {
    const task = map.dataset.task;
    const { means, baseline: best } = all[task];
    const against = baseline && means[baseline].some((mean) => mean !== null) ? baseline : best;
    const columns = scores.columns.map((column) => column.name);
    const found = columns.map((column) => gaps(task, column, against));
    const most = Math.max(0, ...found.filter((_, i) => scores.columns[i].kind === "tokenizer").flat().map((gap) => Math.abs(gap ?? 0)));
    for (const [i, row] of [...map.querySelector("tbody").rows].entries()) {
      const offset = row.cells.length - columns.length;
      for (const [j, column] of columns.entries()) paint(row.cells[offset + j], found[j][i], most, scopes.get(task).unit, column === against);
    }
    map.querySelector(".against").textContent = title(against);
    map.dataset.drawn = baseline ?? "";
  };
  const drawIfSeen = (map) => { if (map.open && map.dataset.drawn !== (baseline ?? "")) draw(map); };

  tools.append(gvt.baseline.select("heat-baseline", "the best of each task"));
  tools.hidden = false;
  for (const map of maps) map.addEventListener("toggle", () => drawIfSeen(map));
  gvt.baseline.follow((name) => {
    baseline = name;
    maps.forEach(drawIfSeen);
  });

  // The browser's own tooltip neither shows on focus nor waits; ours says the same.
  const says = (cell) => {
    if (cell.title) cell.dataset.says = cell.title;
    cell.removeAttribute("title");
    return cell.dataset.says;
  };
  gvt.tip(document.getElementById("heat_map"), ".heat td a.to-samples", (link) => {
    const cell = link.closest("td");
    const row = cell.parentElement;
    const column = scores.columns[cell.cellIndex - (row.cells.length - scores.columns.length)];
    return [gvt.el("b", null, `${column.title}, ${row.cells[0].textContent}`), gvt.el("p", null, `${says(cell)}.`)];
  });
})();
