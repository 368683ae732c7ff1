// Looks up where the difference of two columns on a task lies: category by category.
gvt.categories = (() => {
  "use strict";
  const all = gvt.data("categories");
  if (!all) return null;
  const { byPair, minus, pair } = gvt.comparisons;
  const indices = new Map(Object.entries(all).map(([task, { pairs }]) => [task, byPair(pairs)]));

  // One entry a category, positive where a is better; null where the two share no sample of it.
  // The category's share of the samples times the difference in it is what it adds to the task's.
  const apart = (task, a, b) => {
    const found = indices.get(task)(a, b);
    const whole = found && pair(a, b, task);
    if (!whole) return all[task].categories.map(() => null);
    const [, , means, lows, highs, counts] = found.row;
    return all[task].categories.map(([name, size], k) => {
      if (means[k] === null) return null;
      const [mean, low, high] = found.turn ? [means[k], highs[k], lows[k]].map(minus) : [means[k], lows[k], highs[k]];
      const n = counts ? counts[k] : size;
      return { name, n, mean, low, high, sure: low !== null && (low > 0 || high < 0), part: mean * n / (whole.wins + whole.ties + whole.losses) };
    });
  };
  return { all, apart };
})();
