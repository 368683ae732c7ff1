// One sample as a card: image, question, gold, and the answers, equal ones together.
(() => {
  "use strict";
  if (!gvt.samples) return;
  const { data, category, right, tokenizers } = gvt.samples;
  const { tasks, columns, samples } = data;
  const MARKS = {
    r: ["✓", "right"], p: ["◐", "right"], q: ["◔", "right"], s: ["", ""],
    w: ["✗", "wrong"], f: ["!", "failed"], "-": ["–", "no answer on file"],
  };
  const ORDER = "rpqswf-";
  const SHOWN = 6; // answers of a card before the rest folds away
  const LONG = 60; // characters from which on a text is a sentence, not a word
  const el = gvt.el;
  const count = (n) => n.toLocaleString("en");

  // A text of the run: where it was cut the number of characters that are missing.
  const shown = (place) => {
    const [start, missing] = [].concat(data.texts[place]);
    const words = el("bdi", start.length > LONG ? { class: "long" } : {}, start);
    return missing ? el("span", {}, words, el("em", {}, `… ${count(missing)} more character${missing === 1 ? "" : "s"}`)) : words;
  };

  // Columns with the same answer, mark and notes, as one entry; seeds are said name by name.
  const groups = (i, kinds) => {
    const found = new Map();
    columns.forEach((column, c) => {
      if (!kinds.includes(column.kind)) return;
      const [, flags, seeds] = /^([it]*)(.*)$/.exec(samples.notes[i][c] ?? "");
      const entry = { answer: samples.answers[i][c], mark: samples.marks[i][c], value: samples.values[i][c], flags, who: [] };
      const key = JSON.stringify(entry);
      if (!found.has(key)) found.set(key, entry);
      found.get(key).who.push({ c, seeds });
    });
    return [...found.values()].sort((a, b) =>
      ORDER.indexOf(a.mark) - ORDER.indexOf(b.mark) || (b.value ?? 0) - (a.value ?? 0) || b.who.length - a.who.length);
  };

  const name = ({ c, seeds }, chosen) => {
    const title = el(c === chosen ? "mark" : "bdi", {}, columns[c].title);
    return seeds ? el("span", { title: `right with ${seeds.replace("/", " of ")} seeds` }, title, ` (${seeds})`) : title;
  };

  const row = (task, group, chosen) => {
    const { answer, mark, value, flags, who } = group;
    const [sign, word] = MARKS[mark];
    const said = el("span", { class: "said" });
    if (answer >= 0) said.append(data.texts[answer] === "" ? el("em", {}, "empty answer") : shown(answer));
    if (flags.includes("i")) said.append(" ", el("em", {}, "not understood"));
    if (flags.includes("t")) said.append(" ", el("em", {}, "cut off"));
    const known = value !== null && value !== undefined;
    const number = !known ? "" : task.unit === "percent" ? `${Math.round(100 * value)} %` : gvt.number(task.unit, value);
    const names = el("span", { class: "who" });
    who.forEach((column, k) => names.append(k ? ", " : "", name(column, chosen)));
    return el("li", { class: `m-${mark === "-" ? "none" : mark}` },
      el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el("span", { class: "word" }, [number, word].filter(Boolean).join(" ")),
      el("span", { class: "words" }, said, " ", names));
  };

  const list = (i, kinds, label, chosen) => {
    const all = groups(i, kinds);
    if (!all.length) return null;
    const own = all.findIndex(({ who }) => who.some(({ c }) => c === chosen));
    if (own > 0) all.unshift(...all.splice(own, 1));
    const rows = all.map((group) => row(tasks[samples.task[i]], group, chosen));
    const fold = rows.length > SHOWN + 1 ? rows.splice(SHOWN) : [];
    const answers = el("ul", { "aria-label": label }, ...rows);
    if (fold.length) {
      const rest = el("details", {}, el("summary", {}, `${fold.length} more answers`), el("ul", { "aria-label": `${label}, the rest` }, ...fold));
      return el("div", { class: "answers" }, answers, rest);
    }
    return el("div", { class: "answers" }, answers);
  };

  const verdict = (i) => {
    if (tasks[samples.task[i]].unit !== "percent") return samples.disagree[i] ? "scores lie far apart" : "";
    const scored = tokenizers.filter((c) => "rpqw".includes(samples.marks[i][c]));
    return scored.length ? `${scored.filter((c) => right(samples.marks[i], c)).length} of ${scored.length} tokenizers right` : "";
  };

  const picture = (i) => {
    const image = data.images[samples.image[i]];
    const id = [].concat(data.texts[samples.image_id[i]])[0];
    if (Array.isArray(image)) return el("div", { class: "picture" }, el("span", { class: "blank" }, image[0]));
    return el("div", { class: "picture" }, el("img", { src: `data:image/${data.kind};base64,${image}`, alt: `Image ${id.slice(0, 60)}`, decoding: "async" }));
  };

  const gold = (i) => {
    const line = el("p", { class: "gold" }, el("span", {}, "Gold "));
    samples.gold[i].forEach(([place, times], k) => line.append(k ? " / " : "", shown(place), times > 1 ? ` ×${times}` : ""));
    if (!samples.gold[i].length) line.append("–");
    if (samples.more_gold[i]) line.append(` and ${samples.more_gold[i]} more`);
    return line;
  };

  gvt.samples.card = (i, chosen) => {
    const task = tasks[samples.task[i]];
    const kicker = el("p", { class: "kicker", id: `sample-${i}` }, task.title);
    if (category(i)) kicker.append(" · ", el("bdi", {}, category(i)));
    kicker.append(` · #${samples.doc[i]}`);
    if (verdict(i)) kicker.append(` · ${verdict(i)}`);
    const ask = data.texts[samples.question[i]] && el("p", { class: "ask", id: `sample-${i}-ask`, dir: "auto" }, shown(samples.question[i]));
    const card = el("article", { class: task.unit === "percent" ? null : "scored", "aria-labelledby": `sample-${i} sample-${i}-ask`, tabindex: "-1" },
      picture(i), el("div", { class: "text" }, kicker, ask || "", gold(i)));
    for (const answers of [list(i, ["tokenizer"], "Tokenizers’ answers", chosen), list(i, ["control", "ceiling"], "Answers of controls and ceiling", chosen)]) {
      if (answers) card.append(answers);
    }
    if (data.command) card.append(el("p", { class: "command" }, "How it was scored: ", el("code", {}, `${data.command}${task.name}:${samples.doc[i]}`)));
    return card;
  };
})();
