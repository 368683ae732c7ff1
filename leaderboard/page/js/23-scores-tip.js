// All there is to say about one number of the main table.
(() => {
  "use strict";
  const table = document.getElementById("score-table");
  if (!table) return;
  const { scores, scopes, pair, interval, word, title } = gvt.comparisons;
  let baseline = null;
  gvt.baseline.follow((name) => { baseline = name; });

  const about = (scope, cell) => {
    const [mean, low, high, n, images, seeds, spread, failed] = cell;
    const bounds = low === null ? "no interval" : `95 % interval ${gvt.number(scope.unit, low)} to ${gvt.number(scope.unit, high)}`;
    const parts = [`${n.toLocaleString("en")} samples on ${images.toLocaleString("en")} images`];
    if (seeds !== undefined) parts.push(seeds === 1 ? "one seed" : `${seeds} seeds${spread === null ? "" : `, standard deviation ${gvt.number(scope.unit, spread)}`}`);
    if (failed !== undefined) parts.push(failed ? `${failed.toLocaleString("en")} failed` : "none failed");
    return [gvt.el("p", null, `${scope.metric.charAt(0).toUpperCase()}${scope.metric.slice(1)} ${gvt.number(scope.unit, mean)}, ${bounds}.`), gvt.el("p", null, `${parts.join("; ")}.`)];
  };
  const against = (scope, column, rival, what) => {
    const found = rival && rival !== column ? pair(column, rival, scope.name) : null;
    if (!found) return rival === column ? gvt.el("p", null, `It is the ${what}.`) : null;
    const tested = found.corrected ? `${gvt.probability(found.p)}, corrected (Holm) ${gvt.probability(found.adjusted)}` : gvt.probability(found.p);
    return gvt.el("p", null, `Against ${title(rival)} (${what}): ${gvt.signed(scope.unit, found.mean)}, ${interval(scope.unit, found.low, found.high)}; ${tested}: ${word(found)}.`);
  };

  gvt.tip(table, "td a.to-samples", (link) => {
    const cell = link.closest("td");
    const column = cell.parentElement.dataset.column;
    const scope = scopes.get(table.tHead.rows[0].cells[cell.cellIndex].dataset.scope);
    const own = scores.cells[scope.name]?.[column];
    if (!own) return null;
    return [
      gvt.el("b", null, `${title(column)}, ${scope.title}`), ...about(scope, own),
      against(scope, column, baseline ?? scope.best, baseline ? "baseline" : "best score"),
    ].filter(Boolean);
  });
})();
