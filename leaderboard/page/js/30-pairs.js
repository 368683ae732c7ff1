// Two chosen columns against each other on every scope.
gvt.duel = (() => {
  "use strict";
  const root = document.getElementById("duel");
  if (!root) return null;
  const { scores, scopes, pair, interval, word, title } = gvt.comparisons;
  const overallFirst = [...scores.scopes].sort((x, y) => (y.name === "overall") - (x.name === "overall"));

  const select = (id, text, value) => {
    const box = gvt.el("select", { id }, scores.columns.map((column) => gvt.el("option", { value: column.name }, column.title)));
    box.value = value;
    box.addEventListener("change", draw);
    return { box, label: gvt.el("div", null, gvt.el("label", { for: id }, text), box) };
  };

  // The first: the baseline's rival. Without one, the two best of the first scope.
  const start = () => {
    const cells = scores.cells[overallFirst[0].name] ?? {};
    const known = scores.columns.filter((column) => column.kind === "tokenizer" && cells[column.name]);
    const turn = overallFirst[0].higher ? -1 : 1;
    const ranked = [...known].sort((x, y) => turn * (cells[x.name][0] - cells[y.name][0])).map((column) => column.name);
    const all = [...ranked, ...scores.columns.map((column) => column.name)];
    const b = scores.baseline ?? all[1];
    return [all.find((name) => name !== b), b];
  };

  const found = (a, b) => overallFirst.map((scope) => ({ scope, pair: pair(a, b, scope.name) })).filter((row) => row.pair);

  // Percent scopes share one scale; a score on another scale has its own.
  const reach = (rows, scope) => Math.max(1e-9, ...rows
    .filter((row) => row.scope.unit === scope.unit && (scope.unit === "percent" || row.scope === scope))
    .flatMap(({ pair: p }) => [p.mean, p.low ?? 0, p.high ?? 0].map(Math.abs)));
  const plot = (p, most) => {
    const x = (value) => 110 + 100 * value / most;
    const kind = p.clear ? "shown" : "level";
    return gvt.svg("svg", { viewBox: "0 0 220 26", "aria-hidden": "true" },
      gvt.svg("line", { class: "zero", x1: 110, x2: 110, y1: 0, y2: 26 }),
      p.low === null ? null : gvt.svg("line", { class: `interval ${kind}`, x1: x(p.low), x2: x(p.high), y1: 13, y2: 13 }),
      gvt.svg("circle", { class: `mark ${kind}`, cx: x(p.mean), cy: 13, r: 4.2, "stroke-width": 1.75 }));
  };
  const tally = (p) => {
    const total = p.wins + p.ties + p.losses || 1;
    const part = (kind, count) => {
      const span = gvt.el("span", { class: kind });
      span.style.width = `${100 * count / total}%`;
      return span;
    };
    return gvt.el("td", { class: "tally" },
      gvt.el("div", { class: "bar", "aria-hidden": "true" }, part("win", p.wins), part("tie", p.ties), part("loss", p.losses)),
      gvt.el("span", { class: "ci" }, [["better", p.wins], ["equal", p.ties], ["worse", p.losses]].map(([name, count]) => `${count.toLocaleString("en")} ${name}`).join(", ")));
  };
  // No two percentages lie further apart than 100 points.
  const detectable = (unit, value) => (unit === "percent" && value > 1 ? "over 100" : gvt.number(unit, value));
  const line = (row, rows, a) => {
    const { scope, pair: p } = row;
    const corrected = p.corrected ? `corrected ${gvt.probability(p.adjusted)}` : "not corrected";
    return gvt.el("tr", { "data-scope": scope.name },
      gvt.el("th", { scope: "row" }, scope.title, gvt.el("span", { class: "ci" }, scope.metric)),
      gvt.el("td", { class: "says-so" }, word(p) === "better" ? `${title(a)} ahead` : word(p) === "worse" ? `${title(a)} behind` : "no difference shown"),
      gvt.el("td", { class: "num" },
        gvt.el("a", { class: "v to-samples", href: gvt.samplesLink(scope.name === "overall" ? null : scope.name, a) }, gvt.signed(scope.unit, p.mean)),
        gvt.el("span", { class: "ci" }, interval(scope.unit, p.low, p.high))),
      gvt.el("td", { class: "plot" }, plot(p, reach(rows, scope))),
      tally(p),
      gvt.el("td", { class: "num" }, gvt.probability(p.p), gvt.el("span", { class: "ci" }, corrected), gvt.el("span", { class: "ci" }, p.test)),
      gvt.el("td", { class: "num" }, detectable(scope.unit, p.detectable)));
  };
  const table = (a, b, rows) => gvt.el("table", null,
    gvt.el("thead", null, gvt.el("tr", null,
      ["Scope", "Shown", "Difference", "95 % interval, 0 in the middle", "Samples", "Test", "Detectable"].map((text, i) =>
        gvt.el("th", { scope: "col", class: [2, 5, 6].includes(i) ? "num" : null }, text, i === 6 ? gvt.el("span", { class: "ci" }, "80 % power") : null)))),
    gvt.el("tbody", null, rows.map((row) => line(row, rows, a))));

  const [first, second] = overallFirst.length && scores.columns.length > 1 ? start() : [null, null];
  if (!first) return null;
  const left = select("pair-a", "Compare", first);
  const right = select("pair-b", "with", second);
  const swap = gvt.el("button", { type: "button" }, "Swap");
  const result = gvt.el("div");
  const where = gvt.el("div", { class: "where" });
  const listeners = [];

  function draw() {
    const [a, b] = [left.box.value, right.box.value];
    const rows = a === b ? [] : found(a, b);
    const same = a === b ? "Choose two different columns." : "The two share no scored samples.";
    const frame = gvt.el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title(a)} against ${title(b)}` }, rows.length ? table(a, b, rows) : gvt.el("p", null, same));
    result.replaceChildren(gvt.el("h3", null, `${title(a)} against ${title(b)}`), frame);
    for (const listener of listeners) listener(a, b);
    const shown = rows.filter((row) => row.pair.clear).length;
    if (ready) gvt.announce(rows.length ? `${title(a)} against ${title(b)}: a difference is shown on ${shown} of ${rows.length} scopes.` : same);
  }
  let ready = false;
  swap.addEventListener("click", () => {
    [left.box.value, right.box.value] = [right.box.value, left.box.value];
    draw();
  });
  gvt.whenIdle(() => {
    root.append(gvt.el("div", { class: "tools" }, left.label, right.label, swap), result, where);
    draw();
    ready = true;
  });
  root.hidden = false;
  return { where, follow: (listener) => listeners.push(listener) };
})();
