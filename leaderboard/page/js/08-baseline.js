// The column that differences are shown to: one for the whole page, with a select in each section.
gvt.baseline = (() => {
  "use strict";
  const { scores } = gvt.comparisons;
  const listeners = [];
  const selects = [];
  let chosen = scores.baseline;

  const options = (none) => [
    gvt.el("option", { value: "" }, none),
    ...scores.columns.map((column) => gvt.el("option", { value: column.name }, column.title)),
  ];
  const set = (name) => {
    chosen = name || null;
    for (const select of selects) select.value = chosen ?? "";
    for (const listener of listeners) listener(chosen);
  };
  // A labelled select; `none` is what the section shows without a baseline.
  const select = (id, none) => {
    const box = gvt.el("select", { id }, options(none));
    box.value = chosen ?? "";
    box.addEventListener("change", () => set(box.value));
    selects.push(box);
    return gvt.el("div", null, gvt.el("label", { for: id }, "Baseline"), box);
  };
  // `listener` is called with the column's name or null, now and at every change.
  const follow = (listener) => { listeners.push(listener); listener(chosen); };

  return { select, follow };
})();
