// Another exam of the patient beside this one, as a viewer of its own (VI-CS.35).

const byId = (id) => document.getElementById(id);

/** Show the viewer of that address beside this one. */
export function compare(address, title) {
  byId("compared-title").textContent = title;
  byId("compared").hidden = false;
  byId("compared-page").contentWindow.location.replace(`${address}?beside=1`);
}

/** Offer this exam once more too, for two of its series; and an end of it. */
export function listenToCompared() {
  byId("compared-close").addEventListener("click", closeCompared);
  byId("compare-own")?.addEventListener("click", compareOwn);
}

function compareOwn() {
  compare(document.body.dataset.root, document.querySelector(".viewer-exam h1").textContent);
}

function closeCompared() {
  byId("compared").hidden = true;
  byId("compared-page").contentWindow.location.replace("about:blank");
}
