// Score against cost: draws the chart of the chosen score and cost from places made beforehand.
(() => {
  "use strict";
  const source = document.getElementById("data-pareto");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const scope = document.getElementById("pareto-scope");
  const cost = document.getElementById("pareto-cost");
  const drawing = document.querySelector("#pareto svg");
  const [title, description] = drawing.children;

  const add = (tag, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    drawing.append(node);
  };

  const grid = (chart) => {
    const lines = [...chart.x.map(([x]) => `M${x} 12V294`), ...chart.y.map(([y]) => `M38 ${y}H448`)];
    add("path", { class: "grid", d: lines.join("") });
    for (const [x, label] of chart.x) add("text", { class: "tick", x, y: 310, "text-anchor": "middle" }, label);
    for (const [y, label] of chart.y) add("text", { class: "tick", x: 32, y: y + 4, "text-anchor": "end" }, label);
    add("text", { class: "axis", x: 38, y: 330 }, chart.axes);
  };

  const draw = () => {
    const chart = data.charts[`${scope.value} ${cost.value}`];
    drawing.replaceChildren(title, description);
    grid(chart);
    add("polyline", { class: "frontier", points: chart.line.map((corner) => corner.join(",")).join(" ") });
    const shown = chart.points.map((point, i) => [data.titles[i], point]).filter(([, point]) => point);
    for (const [, [x, y, low, high, , best]] of shown) {
      const style = best ? "tokenizer" : "tokenizer faint";
      if (low !== null) add("path", { class: `interval ${style}`, d: `M${x} ${low}V${high}` });
      add("circle", { class: `mark ${style}`, cx: x, cy: y, r: 4 });
    }
    for (const [name, [x, y, , , place, best]] of shown) {
      const [dx, dy, anchor] = data.places[place];
      if (place >= data.near) add("path", { class: "leader", d: `M${x} ${y}l${dx} ${dy - 4}` });
      const style = best ? "tokenizer" : "tokenizer faint";
      add("text", { class: `name ${style}`, x: x + dx, y: y + dy, "text-anchor": anchor }, name);
    }
    title.textContent = chart.head;
    description.textContent = shown
      .map(([name, point]) => `${name}: ${point[6]}, ${point[5] ? "on the frontier" : "dominated"}`)
      .join("; ");
  };

  for (const choice of [scope, cost]) choice.addEventListener("change", draw);
  scope.closest("p").hidden = false;
})();
