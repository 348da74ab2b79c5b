// The one place where text of ours becomes HTML: fragments rendered, and escaped, by our server.

const policy = window.trustedTypes
  ? window.trustedTypes.createPolicy("drimbox-fragment", { createHTML: (html) => html })
  : { createHTML: (html) => html };

/** Replace an element's content by a fragment that this server sent. */
export function show(element, html) {
  element.innerHTML = policy.createHTML(html);
}

/** Read a fragment that this server sent, without showing it. */
export function read(html) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content;
}
