// While a picture in a new window is on its way, the present one is stretched towards it.

/** The canvas filter that turns what was drawn in one window into about what another would give. */
export function windowFilter(drawn, wish) {
  if (!wish || !drawn || (wish[0] === drawn[0] && wish[1] === drawn[1])) return null;
  const slope = drawn[1] / wish[1];
  const intercept = (drawn[0] - drawn[1] / 2 - (wish[0] - wish[1] / 2)) / wish[1];
  document.getElementById("preview") ?? addFilter();
  for (const part of document.querySelectorAll("#preview feFuncR, #preview feFuncG, #preview feFuncB")) {
    part.setAttribute("slope", slope);
    part.setAttribute("intercept", intercept);
  }
  return "url(#preview)";
}

function addFilter() {
  const svg = (name, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const linear = (name) => svg(name, { type: "linear", slope: 1, intercept: 0 });
  const transfer = svg("feComponentTransfer", {}, linear("feFuncR"), linear("feFuncG"), linear("feFuncB"));
  const filter = svg("filter", { id: "preview", "color-interpolation-filters": "sRGB" }, transfer);
  document.body.append(svg("svg", { class: "preview-filters", width: 0, height: 0, "aria-hidden": "true" }, filter));
}
