// Sorting the main table: tokenizers among themselves, between the floors and the ceiling.
(() => {
  "use strict";
  const table = document.getElementById("score-table");
  const body = table?.querySelector("tbody.tokenizer");
  if (!body) return;
  const suite = [...body.rows];
  const heads = [...table.tHead.rows[0].cells].filter((head) => head.dataset.best);

  // Best first, then worst first, then as in the suite.
  const next = (head) => {
    const [first, second] = head.dataset.best === "high" ? ["descending", "ascending"] : ["ascending", "descending"];
    return { none: first, [first]: second, [second]: "none" }[head.getAttribute("aria-sort")];
  };
  const value = (row, head) => {
    const text = row.cells[head.cellIndex].dataset.value;
    return text ? Number(text) : null;
  };
  // Array.sort is stable; rows without a value are last whichever way.
  const ordered = (head, order) => {
    if (order === "none") return suite;
    const turn = order === "ascending" ? 1 : -1;
    return [...suite].sort((a, b) => {
      const [x, y] = [value(a, head), value(b, head)];
      if (x === null || y === null) return (x === null) - (y === null);
      return turn * (x - y);
    });
  };
  const sort = (head) => {
    const order = next(head);
    for (const other of heads) other.setAttribute("aria-sort", other === head ? order : "none");
    body.append(...ordered(head, order));
    const name = head.querySelector("button").textContent;
    gvt.announce(order === "none" ? "Tokenizers in the suite’s order." : `Tokenizers by ${name}, ${order}.`);
  };

  for (const head of heads) {
    const label = head.querySelector(".head");
    const button = gvt.el("button", { type: "button", class: "head" }, label.textContent);
    button.addEventListener("click", () => sort(head));
    label.replaceWith(button);
    head.setAttribute("aria-sort", "none");
  }
})();
