// Looks up scores and comparisons, and says them in words.
gvt.comparisons = (() => {
  "use strict";
  const scores = gvt.data("scores") ?? { columns: [], scopes: [], cells: {}, baseline: null };
  const document_ = gvt.data("pairs") ?? { pairs: {}, tests: [] };
  const places = new Map(scores.columns.map((column, i) => [column.name, i]));
  const scopes = new Map(scores.scopes.map((scope) => [scope.name, scope]));

  // Finds among rows [i, j, …] that of two columns, and whether it is the other way round.
  const byPair = (rows) => {
    let index = null;
    return (a, b) => {
      index ??= new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]));
      const [i, j] = [places.get(a), places.get(b)];
      const row = index.get(`${Math.min(i, j)} ${Math.max(i, j)}`);
      return row ? { row, turn: i > j } : null;
    };
  };
  const minus = (value) => (value === null ? null : -value);

  const indices = new Map(Object.entries(document_.pairs).map(([scope, rows]) => [scope, byPair(rows)]));

  // a - b on a scope, positive where a is better; null where the two do not share it.
  const pair = (a, b, scope) => {
    const found = indices.get(scope)?.(a, b);
    if (!found) return null;
    const { row, turn } = found;
    const [, , mean, low, high, p, adjusted, detectable, wins, ties, losses, clear, test] = row;
    return {
      mean: turn ? minus(mean) : mean, low: turn ? minus(high) : low, high: turn ? minus(low) : high,
      wins: turn ? losses : wins, ties, losses: turn ? wins : losses,
      p, adjusted, corrected: row.slice(0, 2).every((k) => scores.columns[k].kind === "tokenizer"), detectable, clear: Boolean(clear), test: document_.tests[test],
    };
  };

  const interval = (unit, low, high) => (low === null ? "no interval" : `${gvt.signed(unit, low)} to ${gvt.signed(unit, high)}`);
  const sign = (found) => (!found.clear ? "≈" : found.mean > 0 ? "▲" : "▼");
  const word = (found) => (!found.clear ? "no difference shown" : found.mean > 0 ? "better" : "worse");
  const title = (name) => scores.columns[places.get(name)]?.title ?? name;

  return { scores, scopes, byPair, minus, pair, interval, sign, word, title };
})();
