// Colours the categories by the distance from the chosen baseline, and shows the interval of a cell.
(() => {
  "use strict";
  const tools = document.getElementById("heat-tools");
  const maps = [...document.querySelectorAll("details.map")];
  if (!maps.length || !gvt.categories) return;
  const { all, apart } = gvt.categories;
  const { scores, scopes, title } = gvt.comparisons;
  const steps = 4;
  let baseline = null;

  const shade = (gap, most) => (!gap || !most ? 0 : Math.sign(gap.mean) * Math.min(steps, Math.ceil(steps * Math.abs(gap.mean) / most - 1e-9)));
  const margin = (unit, gap) => (gap.low === null ? "" : `±${gvt.number(unit, Math.max(gap.high - gap.mean, gap.mean - gap.low))}`);
  const paint = (cell, gap, most, unit, base) => {
    if (cell.classList.contains("none")) return;
    const note = cell.querySelector(".ci");
    cell.className = `num h${shade(gap, most)}${base ? " base" : ""}`;
    note.textContent = base ? "baseline" : gap ? gvt.signed(unit, gap.mean) + margin(unit, gap) : "–";
    note.classList.toggle("sure", Boolean(gap?.sure));
  };
  const draw = (map) => {
    const task = map.dataset.task;
    const against = baseline && scores.cells[task][baseline] ? baseline : all[task].baseline;
    const columns = scores.columns.map((column) => column.name);
    const found = columns.map((column) => (column === against ? [] : apart(task, column, against)));
    const most = Math.max(0, ...found.filter((_, i) => scores.columns[i].kind === "tokenizer").flat().map((gap) => Math.abs(gap?.mean ?? 0)));
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
