// Looks up scores and comparisons, and says them in words.
gvt.comparisons = (() => {
  "use strict";
  const scores = gvt.data("scores") ?? { columns: [], scopes: [], cells: {}, baseline: null };
  const document_ = gvt.data("pairs") ?? { pairs: {}, tests: [] };
  const places = new Map(scores.columns.map((column, i) => [column.name, i]));
  const scopes = new Map(scores.scopes.map((scope) => [scope.name, scope]));
  const indices = new Map();

  const index = (scope) => {
    if (!indices.has(scope)) {
      indices.set(scope, new Map((document_.pairs[scope] ?? []).map((row) => [`${row[0]} ${row[1]}`, row])));
    }
    return indices.get(scope);
  };
  const minus = (value) => (value === null ? null : -value);

  // a - b on a scope, positive where a is better; null where the two do not share it.
  const pair = (a, b, scope) => {
    const [i, j] = [places.get(a), places.get(b)];
    const row = index(scope).get(`${Math.min(i, j)} ${Math.max(i, j)}`);
    if (!row) return null;
    const turn = i > j;
    const [, , mean, low, high, p, adjusted, detectable, wins, ties, losses, clear, test] = row;
    return {
      mean: turn ? minus(mean) : mean, low: turn ? minus(high) : low, high: turn ? minus(low) : high,
      wins: turn ? losses : wins, ties, losses: turn ? wins : losses,
      p, adjusted, corrected: [i, j].every((k) => scores.columns[k].kind === "tokenizer"), detectable, clear: Boolean(clear), test: document_.tests[test],
    };
  };

  const interval = (unit, low, high) => (low === null ? "no interval" : `${gvt.signed(unit, low)} to ${gvt.signed(unit, high)}`);
  const sign = (found) => (!found.clear ? "≈" : found.mean > 0 ? "▲" : "▼");
  const word = (found) => (!found.clear ? "no difference shown" : found.mean > 0 ? "better" : "worse");
  const title = (name) => scores.columns[places.get(name)]?.title ?? name;

  return { scores, scopes, pair, interval, sign, word, title };
})();
