// Choosing what the main table shows: tokenizers, tasks (also by skill), costs, small intervals.
(() => {
  "use strict";
  const table = document.getElementById("score-table");
  const tools = document.getElementById("scores-tools");
  if (!table) return;
  const { scopes } = gvt.comparisons;
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const heads = [...table.tHead.rows[0].cells];

  const rowBoxes = rows.map((row) => box(row.cells[0].textContent, row));
  const taskBoxes = heads.filter((head) => head.dataset.scope).map((head) => box(head.querySelector(".head").textContent, head));
  const summary = gvt.el("summary");

  function box(text, target) {
    const input = gvt.el("input", { type: "checkbox", checked: true });
    input.addEventListener("change", apply);
    return { input, target, label: gvt.el("label", { class: "choice" }, input, text) };
  }

  function apply() {
    for (const { input, target } of rowBoxes) target.hidden = !input.checked;
    for (const { input, target } of taskBoxes) showColumn(target, input.checked);
    const count = says();
    summary.textContent = `Choose rows and tasks (${count})`;
    gvt.announce(`${count} shown.`);
  }
  function showColumn(head, on) {
    if (head.hidden === !on) return;
    head.hidden = !on;
    for (const row of rows) row.cells[head.cellIndex].hidden = !on;
  }
  function says() {
    const part = (boxes) => `${boxes.filter(({ input }) => input.checked).length} of ${boxes.length}`;
    const tokenizers = rowBoxes.filter(({ target }) => target.classList.contains("tokenizer"));
    const tasks = taskBoxes.filter(({ target }) => !target.classList.contains("overall"));
    return `${part(tokenizers)} tokenizers, ${part(tasks)} tasks`;
  }

  // Buttons that tick what `wanted(target)` says and untick the rest.
  const group = (text, boxes, wanted) => {
    const button = gvt.el("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      for (const one of boxes) one.input.checked = wanted(one.target);
      apply();
    });
    return button;
  };
  const skills = [...new Set([...scopes.values()].map((scope) => scope.skill).filter(Boolean))];
  const taskGroups = [
    group("All", taskBoxes, () => true),
    group("None", taskBoxes, () => false),
    ...skills.map((skill) => group(skill, taskBoxes, (head) => scopes.get(head.dataset.scope).skill === skill)),
  ];
  const rowGroups = [
    group("All", rowBoxes, () => true),
    group("Tokenizers", rowBoxes, (row) => row.classList.contains("tokenizer")),
    group("None", rowBoxes, () => false),
  ];
  const fieldset = (legend, groups, boxes) => gvt.el(
    "fieldset", null, gvt.el("legend", null, legend), gvt.el("div", { class: "groups" }, groups),
    gvt.el("div", { class: "ticks" }, boxes.map(({ label }) => label)),
  );
  const tick = (text, on, change) => {
    const input = gvt.el("input", { type: "checkbox", checked: on });
    input.addEventListener("change", () => change(input.checked));
    return gvt.el("label", { class: "choice" }, input, text);
  };
  const costs = heads.filter((head) => head.classList.contains("cost"));

  const many = taskBoxes.length > 10;
  table.classList.toggle("short", many);
  tools.append(
    gvt.baseline.select("scores-baseline", "none, show scores"),
    tick("Intervals", !many, (on) => table.classList.toggle("short", !on)),
    tick("Costs", true, (on) => { for (const head of costs) showColumn(head, on); }),
    gvt.el(
      "details", null, summary,
      gvt.el("div", { class: "panel" }, fieldset("Rows", rowGroups, rowBoxes), fieldset("Tasks", taskGroups, taskBoxes)),
    ),
  );
  summary.textContent = `Choose rows and tasks (${says()})`;
  tools.hidden = false;
})();
