// Where the difference of two columns comes from: what each category adds to it.
(() => {
  "use strict";
  const categories = gvt.data("categories");
  if (!gvt.duel || !categories) return;
  const { scopes } = gvt.comparisons;
  const tasks = Object.keys(categories).filter((task) => categories[task].categories.length > 1);
  if (!tasks.length) return;
  const box = gvt.el("select", { id: "pair-task" }, tasks.map((task) => gvt.el("option", { value: task }, scopes.get(task).title)));
  const out = gvt.el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Difference by category" });
  let pair = null;

  // n_c / n times the difference in the category; over all categories these add up to the difference.
  const parts = (task, a, b) => {
    const { n, higher, categories: all, means } = categories[task];
    return all.map(([name, size], i) => {
      const [x, y] = [means[a]?.[i] ?? null, means[b]?.[i] ?? null];
      if (x === null || y === null) return null;
      const apart = higher ? x - y : y - x;
      return { name, size, apart, part: (size / n) * apart };
    }).filter(Boolean).sort((x, y) => Math.abs(y.part) - Math.abs(x.part));
  };
  const bar = (value, most) => gvt.svg("svg", { viewBox: "0 0 220 20", "aria-hidden": "true" },
    gvt.svg("line", { class: "zero", x1: 110, x2: 110, y1: 0, y2: 20 }),
    gvt.svg("rect", { class: `part ${value < 0 ? "minus" : "plus"}`, x: 110 + Math.min(0, 100 * value / most), y: 5, width: Math.abs(100 * value / most), height: 10 }));
  const line = (row, unit, most, task, a) => gvt.el("tr", null,
    gvt.el("th", { scope: "row", dir: "auto" }, row.name),
    gvt.el("td", { class: "num" }, row.size.toLocaleString("en")),
    gvt.el("td", { class: "num" }, gvt.el("a", { class: "to-samples", href: gvt.samplesLink(task, a, row.name) }, gvt.signed(unit, row.apart))),
    gvt.el("td", { class: "num" }, gvt.el("b", null, gvt.signed(unit, row.part))),
    gvt.el("td", { class: "plot" }, bar(row.part, most)));

  const draw = () => {
    const task = box.value;
    const rows = parts(task, ...pair);
    const unit = scopes.get(task).unit;
    const most = Math.max(1e-9, ...rows.map((row) => Math.abs(row.part)));
    out.replaceChildren(gvt.el("table", null,
      gvt.el("thead", null, gvt.el("tr", null, gvt.el("th", { scope: "col" }, "Category"),
        ["n", "Difference in it", "Adds"].map((text) => gvt.el("th", { scope: "col", class: "num" }, text)), gvt.el("th", { scope: "col" }, "0 in the middle"))),
      gvt.el("tbody", null, rows.map((row) => line(row, unit, most, task, pair[0])))));
  };
  box.addEventListener("change", () => { draw(); gvt.announce(`Categories of ${scopes.get(box.value).title}.`); });
  gvt.duel.where.append(
    gvt.el("h3", null, "Where the difference comes from"),
    gvt.el("div", { class: "tools" }, gvt.el("div", null, gvt.el("label", { for: "pair-task" }, "Task"), box)),
    out,
    gvt.el("p", { class: "legend" }, "“Adds” is the category’s share of the samples times the difference in it, largest first; the rows add up to the task’s difference. Differences of categories are not tested."),
  );
  gvt.duel.follow((a, b) => {
    pair = [a, b];
    gvt.duel.where.hidden = a === b;
    if (a !== b) draw();
  });
})();
