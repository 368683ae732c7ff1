// Score against cost: draws the chart of the chosen score and cost from places made beforehand.
(() => {
  "use strict";
  const data = gvt.data("pareto");
  if (!data) return;
  const scope = document.getElementById("pareto-scope");
  const cost = document.getElementById("pareto-cost");
  const drawing = document.querySelector("#pareto svg");
  const [title, description] = drawing.children;

  const grid = (chart) => {
    const lines = [...chart.x.map(([x]) => `M${x} 12V294`), ...chart.y.map(([y]) => `M38 ${y}H448`)];
    return [
      gvt.svg("path", { class: "grid", d: lines.join("") }),
      ...chart.x.map(([x, label]) => gvt.svg("text", { class: "tick", x, y: 310, "text-anchor": "middle" }, label)),
      ...chart.y.map(([y, label]) => gvt.svg("text", { class: "tick", x: 32, y: y + 4, "text-anchor": "end" }, label)),
      gvt.svg("text", { class: "axis", x: 38, y: 330 }, chart.axes),
    ];
  };

  const mark = ({ x, y, low, high, style }) => [
    low === null ? null : gvt.svg("path", { class: `interval ${style}`, d: `M${x} ${low}V${high}` }),
    gvt.svg("circle", { class: `mark ${style}`, cx: x, cy: y, r: 4 }),
  ];

  const label = ({ x, y, shown, place, style }) => {
    const [dx, dy, anchor] = data.places[place];
    const far = place >= data.near;
    return [
      far ? gvt.svg("path", { class: "leader", d: `M${x} ${y}l${dx} ${dy - 4}` }) : null,
      gvt.svg("text", { class: `name ${style}`, x: x + dx, y: y + dy, "text-anchor": anchor }, shown),
    ];
  };

  const draw = () => {
    const chart = data.charts[`${scope.value} ${cost.value}`];
    const points = chart.points.flatMap((point, i) => {
      if (!point) return [];
      const [x, y, low, high, place, best, said] = point;
      return [{ name: data.titles[i], shown: data.labels[i], x, y, low, high, place, best, said, style: best ? "tokenizer" : "tokenizer faint" }];
    });
    const corners = chart.line.map((corner) => corner.join(",")).join(" ");
    const drawn = [grid(chart), gvt.svg("polyline", { class: "frontier", points: corners }), points.map(mark), points.map(label)];
    drawing.replaceChildren(title, description, ...drawn.flat(3).filter((node) => node));
    title.textContent = chart.head;
    description.textContent = points.map(({ name, said, best }) => `${name}: ${said}, ${best ? "on the frontier" : "dominated"}`).join("; ");
  };

  for (const choice of [scope, cost]) choice.addEventListener("change", draw);
  scope.closest("p").hidden = false;
})();
