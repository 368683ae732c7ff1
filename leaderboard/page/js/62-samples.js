// The gallery's controls: filters, the address that stands for them, and cards page by page.
(() => {
  "use strict";
  if (!gvt.samples) return;
  const { data, none, find, whole, shows, categories, asksColumn, card } = gvt.samples;
  const PAGE = 24;
  const section = document.getElementById("samples");
  const [form, status, cards, more] = ["form", "[role=status]", ".gallery", "button.more"].map((part) => section.querySelector(part));
  const heading = section.querySelector("h2");
  const count = (n) => n.toLocaleString("en");
  const total = data.samples.doc.length;
  let state = { ...none };
  let found = [];
  let visible = 0;
  let listed = null; // task whose categories the control lists
  let unknown = ""; // what a link asked for and this page has not

  const read = () => Object.fromEntries(Object.keys(none).map((key) => [key, form.elements[key].value]));
  // What is asked for, without what the tasks in question do not have.
  const settle = (wanted) => {
    const next = Object.fromEntries(Object.keys(none).map((key) => [key, wanted[key] ?? ""]));
    if (!data.tasks.some(({ name }) => name === next.task)) next.task = "";
    if (!data.columns.some(({ name }) => name === next.column)) next.column = "";
    if (!categories(next.task).includes(next.category)) next.category = "";
    if (!shows(next.task).has(next.show)) next.show = "";
    next.query = next.query.trim();
    if (asksColumn(next.show) && !next.column) next.column = data.columns[0].name;
    return next;
  };
  const write = () => {
    if (listed !== state.task) {
      listed = state.task;
      const known = categories(listed);
      form.elements.category.replaceChildren(
        gvt.el("option", { value: "" }, "All categories"),
        ...known.map((name) => gvt.el("option", { value: name }, name)));
      form.elements.category.disabled = known.length === 0;
      const possible = shows(listed);
      for (const option of form.elements.show.options) option.disabled = Boolean(option.value) && !possible.has(option.value);
    }
    for (const key of Object.keys(none)) if (form.elements[key].value.trim() !== state[key]) form.elements[key].value = state[key];
  };

  // How the chosen column does on the samples that match, over the whole run.
  const standing = () => {
    const column = data.columns.find(({ name }) => name === state.column);
    const [right, wrong] = ["right", "wrong"].map((pattern) => whole({ ...state, show: pattern }));
    return column && right?.[1] ? ` ${column.title} is right on ${count(right[0])} and wrong on ${count(wrong[0])} of ${count(right[1])}.` : "";
  };

  const say = () => {
    const totals = whole(state);
    const filtered = state.task || state.category || state.show || state.query;
    const chosen = state.show || state.query ? "" : standing();
    if (!filtered) return `${count(visible)} of ${count(total)} samples are shown, disagreements first. The whole run has ${count(totals[1])}.${chosen}`;
    const here = found.length ? `${count(found.length)} of ${count(total)} samples here match${visible < found.length ? `, ${count(visible)} are shown` : ""}.` : `None of ${count(total)} samples here matches.`;
    if (state.query) return `${here} Samples that are not in this file were not searched.`;
    if (!totals) return here;
    return `${here} In the whole run ${state.show ? `${count(totals[0])} of ${count(totals[1])} match` : `${count(totals[0])} match`}.${chosen}`;
  };

  const show = (upTo) => {
    const chosen = data.columns.findIndex(({ name }) => name === state.column);
    const fresh = found.slice(visible, upTo).map((i) => card(i, chosen));
    cards.append(...fresh);
    visible += fresh.length;
    more.hidden = visible >= found.length;
    more.textContent = `Show ${count(Math.min(PAGE, found.length - visible))} more`;
    status.textContent = unknown + say();
    return fresh;
  };
  const apply = (wanted, linked = false) => {
    state = settle(wanted);
    const strange = Object.keys(none).filter((key) => linked && wanted[key] && !state[key]);
    unknown = strange.map((key) => `There is no ${key} “${wanted[key]}” here. `).join("");
    write();
    found = find(state);
    visible = 0;
    cards.replaceChildren();
    show(PAGE);
  };

  // The address: "#samples?task=T&column=C", the same that the tables' numbers point to.
  const address = () => {
    const pairs = Object.entries(state).filter(([, value]) => value);
    return "#samples" + (pairs.length ? "?" + pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&") : "");
  };
  const asked = () => {
    const [, query] = /^#samples\?(.*)$/.exec(location.hash) ?? [];
    if (query === undefined) return null;
    const wanted = Object.fromEntries([...new URLSearchParams(query)].filter(([key]) => key in none));
    const plus = (name, known) => (known.some((one) => one.name === name) ? name : name?.replaceAll(" ", "+"));
    return { ...wanted, task: plus(wanted.task, data.tasks), column: plus(wanted.column, data.columns), category: gvt.samples.label(wanted.category ?? "") };
  };
  const follow = () => {
    const wanted = asked();
    if (!wanted) return false;
    apply(wanted, true);
    heading.focus({ preventScroll: true });
    section.scrollIntoView({ behavior: "instant" });
    return true;
  };

  let waiting = 0;
  const changed = () => {
    clearTimeout(waiting);
    apply(read());
    history.replaceState(null, "", address());
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  form.addEventListener("reset", (event) => { event.preventDefault(); form.elements.query.value = ""; apply(none); history.replaceState(null, "", address()); });
  form.addEventListener("change", changed);
  form.elements.query.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(changed, 150); });
  more.addEventListener("click", () => show(visible + PAGE)[0]?.focus({ preventScroll: true }));
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    // The address is already this one, so it does not change; the reader wants to go there still.
    if (event.target.closest?.("a[href^='#samples?']")?.getAttribute("href") === location.hash) follow();
  });
  form.hidden = false;
  if (!follow()) apply(none);
})();
