// Where the difference of two columns comes from: what each category adds to it.
(() => {
  "use strict";
  if (!gvt.duel || !gvt.categories) return;
  const { all, apart } = gvt.categories;
  const { scopes, pair: whole, interval } = gvt.comparisons;
  const tasks = Object.keys(all).filter((task) => all[task].categories.length > 1);
  if (!tasks.length) return;
  const box = gvt.el("select", { id: "pair-task" }, tasks.map((task) => gvt.el("option", { value: task }, scopes.get(task).title)));
  const out = gvt.el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Difference by category" });
  let pair = null;

  // What no category of the table accounts for comes last.
  const parts = (task, a, b) => {
    const known = apart(task, a, b).filter(Boolean).sort((x, y) => Math.abs(y.part) - Math.abs(x.part));
    const together = whole(a, b, task);
    const rest = {
      name: "other samples",
      n: together ? together.wins + together.ties + together.losses - known.reduce((n, row) => n + row.n, 0) : 0,
      part: together ? together.mean - known.reduce((sum, row) => sum + row.part, 0) : 0,
    };
    return rest.n > 0 ? [...known, rest] : known;
  };
  const bar = (value, most) => gvt.svg("svg", { viewBox: "0 0 220 20", "aria-hidden": "true" },
    gvt.svg("line", { class: "zero", x1: 110, x2: 110, y1: 0, y2: 20 }),
    gvt.svg("rect", { class: `part ${value < 0 ? "minus" : "plus"}`, x: 110 + Math.min(0, 100 * value / most), y: 5, width: Math.abs(100 * value / most), height: 10 }));
  const difference = (row, unit, task, a) => (row.mean === undefined ? null : [
    gvt.el("a", { class: "v to-samples", href: gvt.samplesLink(task, a, row.name) }, gvt.signed(unit, row.mean)),
    gvt.el("span", { class: row.sure ? "ci sure" : "ci" }, interval(unit, row.low, row.high)),
  ]);
  const line = (row, unit, most, task, a) => gvt.el("tr", null,
    gvt.el("th", { scope: "row", dir: "auto" }, row.name),
    gvt.el("td", { class: "num" }, row.n.toLocaleString("en")),
    gvt.el("td", { class: "num" }, difference(row, unit, task, a)),
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
    gvt.el("p", { class: "legend" }, "“Adds” is the category’s share of the samples times the difference in it, largest first; the rows add up to the task’s difference. Small figures: 95 % intervals, by image; bold ones are off zero. Each stands alone; where nothing differs, one in twenty is off zero by chance."),
  );
  gvt.duel.follow((a, b) => {
    pair = [a, b];
    gvt.duel.where.hidden = a === b;
    if (a !== b) draw();
  });
})();
