// The reports of the DMP beside the images (CO.59): asked for once the first image is there.

import { read } from "/static/fragment.js";

const byId = (id) => document.getElementById(id);
const SHOWN_KEY = "drimbox.reports-shown";
const button = document.querySelector('[data-action="reports"]');
const panel = byId("reports");
const choice = byId("report");
const page = byId("report-page");

let isListed = false;

/** Fetch the list, those of this exam first; the button can be pressed where there is one. */
export async function loadReports() {
  const { documents, study } = document.body.dataset;
  const answer = await fetch(documents).catch(() => null);
  if (!answer?.ok) return offer("La liste des comptes rendus n'a pas pu être chargée : réessayer (C)");
  isListed = true;
  const listed = read(await answer.text());
  const found = [...listed.querySelectorAll("[data-document]")].map((link) => ({
    address: link.getAttribute("href"),
    isAbout: link.dataset.about.split(" ").includes(study),
    text: [".document-date", "strong", "small"].map((part) => link.querySelector(part).textContent.trim()).join(" · "),
  }));
  const own = found.filter((one) => one.isAbout);
  choice.replaceChildren(
    ...group("De cet examen", own),
    ...group("Autres documents du DMP", found.filter((one) => !one.isAbout)),
  );
  if (found.length === 0) button.title = "Aucun compte rendu dans le DMP";
  else offer("Comptes rendus à côté des images (C)");
  if (own.length > 0 && localStorage.getItem(SHOWN_KEY) === "1") toggleReports();
}

function offer(title) {
  button.disabled = false;
  button.title = title;
}

function group(label, documents) {
  if (documents.length === 0) return [];
  const element = document.createElement("optgroup");
  element.label = label;
  element.append(...documents.map((one) => new Option(one.text, one.address)));
  return [element];
}

export async function toggleReports() {
  if (button.disabled) return;
  if (!isListed) {
    button.disabled = true;
    await loadReports();
    if (button.disabled || !isListed || !panel.hidden) return;
  }
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-pressed", String(!panel.hidden));
  // Only the wish is kept on this workstation, never what was read.
  localStorage.setItem(SHOWN_KEY, panel.hidden ? "0" : "1");
  if (!panel.hidden && page.dataset.address !== choice.value) showChosen();
}

function showChosen() {
  page.dataset.address = choice.value;
  page.contentWindow.location.replace(choice.value);
  byId("report-alone").href = choice.value;
}

choice.addEventListener("change", showChosen);
byId("reports-close").addEventListener("click", toggleReports);
