// The samples of the page and which of them a filter finds, without anything that is shown.
(() => {
  "use strict";
  const data = gvt.data("samples");
  if (!data) return;
  const { tasks, columns, samples } = data;
  const tokenizers = columns.flatMap((column, c) => (column.kind === "tokenizer" ? [c] : []));
  const none = { task: "", category: "", show: "", column: "", query: "" };

  // Patterns of a sample; those of EACH ask about one column. Names and meaning are those of
  // gallery/patterns.py, which counts them over the whole run.
  const right = (marks, c) => "rp".includes(marks[c]);
  const wrong = (marks, c) => "qw".includes(marks[c]);
  const others = (c) => tokenizers.filter((other) => other !== c);
  const alone = (marks, c, own, rest) =>
    own(marks, c) && others(c).some((o) => rest(marks, o)) && !others(c).some((o) => own(marks, o));
  const beats = (i, c, sign) => {
    const score = (o) => (samples.marks[i][o] === "s" ? sign * samples.values[i][o] : NaN);
    const rest = others(c).map(score).filter((value) => !Number.isNaN(value));
    return rest.length > 0 && rest.every((value) => score(c) > value);
  };
  const direction = (i) => (tasks[samples.task[i]].higher_is_better ? 1 : -1);
  const WHOLE = {
    disagree: (i) => samples.disagree[i] === 1,
    "all-right": (i) => tokenizers.some((c) => right(samples.marks[i], c)) && !tokenizers.some((c) => wrong(samples.marks[i], c)),
    "all-wrong": (i) => tokenizers.some((c) => wrong(samples.marks[i], c)) && !tokenizers.some((c) => right(samples.marks[i], c)),
  };
  const EACH = {
    right: (i, c) => right(samples.marks[i], c),
    wrong: (i, c) => wrong(samples.marks[i], c),
    "only-right": (i, c) => alone(samples.marks[i], c, right, wrong),
    "only-wrong": (i, c) => alone(samples.marks[i], c, wrong, right),
    best: (i, c) => beats(i, c, direction(i)),
    worst: (i, c) => beats(i, c, -direction(i)),
    unscored: (i, c) => "f-".includes(samples.marks[i][c]),
  };

  const text = (place) => [].concat(data.texts[place])[0];
  const category = (i) => tasks[samples.task[i]].categories[samples.category[i]] ?? "";
  const columnOf = (state) => columns.findIndex((column) => column.name === state.column);

  const haystacks = new Map();
  const haystack = (i) => {
    if (!haystacks.has(i)) {
      const places = [samples.question[i], ...samples.gold[i].map(([place]) => place), ...samples.answers[i].filter((place) => place >= 0)];
      haystacks.set(i, [...new Set(places)].map(text).join("\n").toLowerCase());
    }
    return haystacks.get(i);
  };

  const matches = (i, state) => {
    if (state.task && tasks[samples.task[i]].name !== state.task) return false;
    if (state.category && category(i) !== state.category) return false;
    if (state.show in WHOLE && !WHOLE[state.show](i)) return false;
    if (state.show in EACH && !EACH[state.show](i, columnOf(state))) return false;
    return !state.query || haystack(i).includes(state.query.toLowerCase());
  };

  // Disagreements first, then what defeats every tokenizer; what all can do comes last.
  const rank = (i) => (WHOLE.disagree(i) ? 0 : WHOLE["all-wrong"](i) ? 1 : WHOLE["all-right"](i) ? 3 : 2);
  const order = samples.doc.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
  const find = (state) => order.filter((i) => matches(i, state));

  // [matches, out of] in the whole run, or null where that was not counted: words were searched
  // for, or a category is too small to have been counted apart.
  const whole = (state) => {
    if (state.query) return null;
    let [found, out] = [0, 0];
    for (const task of tasks) {
      if (state.task && task.name !== state.task) continue;
      const place = task.categories.indexOf(state.category);
      if (state.category && place < 0) continue;
      const totals = task.totals[state.category ? place + 1 : 0];
      if (!totals) return null;
      const count = state.show ? totals[state.show] : totals.n;
      if (count === undefined) continue;
      found += Array.isArray(count) ? count[columnOf(state)] : count;
      out += totals.n;
    }
    return [found, out];
  };

  // The filters that the tasks in question can answer: a task with a score has no right or wrong.
  const shows = (task) => new Set(tasks.filter(({ name }) => !task || name === task).flatMap(({ totals }) => Object.keys(totals[0])));
  const categories = (task) => {
    const sizes = new Map();
    for (const { name, categories: names, totals } of tasks) {
      if (task && name !== task) continue;
      names.forEach((label, k) => sizes.set(label, (sizes.get(label) ?? 0) + (totals[k + 1]?.n ?? 0)));
    }
    return [...sizes].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([label]) => label);
  };

  // A category's name as the page has it: see printable() and short_category() of the Python side.
  const label = (name) => {
    const clean = name.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]/gu, "\ufffd");
    const characters = [...clean];
    return characters.length > 120 ? characters.slice(0, 120).join("") + "…" : clean;
  };

  gvt.samples = { label, data, none, find, whole, shows, categories, category, right, tokenizers, asksColumn: (show) => show in EACH };
})();
