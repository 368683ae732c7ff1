// What the scripts of the page share: data, elements, words. `gvt` is the only global name.
const gvt = (() => {
  "use strict";
  const read = new Map();

  // The value of page.data[name]; null where the page carries none.
  const data = (name) => {
    if (!read.has(name)) {
      const holder = document.getElementById(`data-${name}`);
      read.set(name, holder ? JSON.parse(holder.textContent) : null);
    }
    return read.get(name);
  };

  // Texts become text nodes, so text of a run cannot become markup. A null attribute is left out.
  const build = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  };
  const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

  // Says what changed to those who do not see it.
  const announce = (text) => { document.getElementById("live").textContent = text; };

  // Half to even on exact ties, as Python writes them: one number is the same in table and script.
  const fixed = (value, digits) => {
    const tie = Number.isInteger(value * 2 ** (digits + 1)) && Math.abs(value * 10 ** digits % 1) === 0.5;
    return (tie ? 2 * Math.round(value * 10 ** digits / 2) / 10 ** digits : value).toFixed(digits);
  };

  // A fraction or score in its task's unit, with a real minus sign; a dash where there is none.
  const number = (unit, value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const text = unit === "percent" ? fixed(100 * value, 1) : fixed(value, 2);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
  };
  const signed = (unit, value) => {
    const text = number(unit, value);
    return /[1-9]/.test(text) && !text.startsWith("−") ? `+${text}` : text;
  };

  const probability = (p) => (p === null ? "not tested" : p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`);

  // The address of the samples behind a number, without those of the other filters.
  const samplesLink = (task, column, category) => {
    const chosen = Object.entries({ task, column, category }).filter(([, value]) => value !== undefined && value !== null);
    return `#samples?${chosen.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
  };

  // Later, when nothing else is to do: what is not on the first screen need not delay it.
  const whenIdle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 1000 }) : setTimeout(work, 50));

  return { data, el, svg, announce, number, signed, probability, samplesLink, whenIdle };
})();
