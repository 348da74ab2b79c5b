// The one place where text of ours becomes HTML: fragments rendered, and escaped, by our server.

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("drimbox-fragment", { createHTML: (html) => html })
  : { createHTML: (html) => html };

/** Replace an element's content by a fragment that this server sent. */
export function show(element, html) {
  element.innerHTML = policy.createHTML(html);
}
