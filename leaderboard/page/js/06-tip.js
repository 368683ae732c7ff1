// A tooltip for numbers: on hover and on focus, hoverable itself, gone with Escape.
gvt.tip = (() => {
  "use strict";
  const tip = gvt.el("div", { id: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  let owner = null;
  let timer = 0;

  const hide = () => {
    tip.hidden = true;
    owner?.removeAttribute("aria-describedby");
    owner = null;
  };
  const hideSoon = () => { clearTimeout(timer); timer = setTimeout(hide, 150); };

  const place = (anchor) => {
    const box = anchor.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.right - tip.offsetWidth), innerWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 0 ? above : box.bottom + 6}px`;
  };
  const show = (element, nodes) => {
    clearTimeout(timer);
    if (element === owner) return;
    hide();
    owner = element;
    tip.replaceChildren(...nodes);
    tip.hidden = false;
    place(element);
    element.setAttribute("aria-describedby", "tip");
  };

  tip.addEventListener("mouseenter", () => clearTimeout(timer));
  tip.addEventListener("mouseleave", hideSoon);
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", () => { if (owner && document.activeElement !== owner) hide(); else if (owner) place(owner); }, { capture: true, passive: true });

  // What matches `selector` inside `root` shows the nodes that `describe(element)` makes.
  return (root, selector, describe) => {
    const start = (event) => {
      const element = event.target.closest(selector);
      const nodes = element && describe(element);
      if (nodes) show(element, nodes);
    };
    root.addEventListener("mouseover", start);
    root.addEventListener("focusin", start);
    root.addEventListener("mouseout", hideSoon);
    root.addEventListener("focusout", hide);
  };
})();
