// Looks up where the difference of two columns on a task lies: category by category.
gvt.categories = (() => {
  "use strict";
  const all = gvt.data("categories");
  if (!all) return null;
  const { scores, pair } = gvt.comparisons;
  const places = new Map(scores.columns.map((column, i) => [column.name, i]));
  const indices = new Map();

  const row = (task, i, j) => {
    if (!indices.has(task)) indices.set(task, new Map(all[task].pairs.map((own) => [`${own[0]} ${own[1]}`, own])));
    return indices.get(task).get(`${i} ${j}`);
  };
  const minus = (value) => (value === null ? null : -value);

  // One entry a category, positive where a is better; null where the two share no sample of it.
  // The category's share of the samples times the difference in it is what it adds to the task's.
  const apart = (task, a, b) => {
    const [i, j] = [places.get(a), places.get(b)];
    const found = row(task, Math.min(i, j), Math.max(i, j));
    const whole = found && pair(a, b, task);
    return all[task].categories.map(([name, size], k) => {
      if (!whole || found[2][k] === null) return null;
      const [mean, low, high] = i < j ? [found[2][k], found[3][k], found[4][k]] : [found[2][k], found[4][k], found[3][k]].map(minus);
      const n = found[5] ? found[5][k] : size;
      return { name, n, mean, low, high, sure: low !== null && (low > 0 || high < 0), part: mean * n / (whole.wins + whole.ties + whole.losses) };
    });
  };
  return { all, apart };
})();
