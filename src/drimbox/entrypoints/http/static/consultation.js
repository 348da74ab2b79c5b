// The consultation page: asks for the exams, filters them, exports the chosen ones.

import { Exports, stateText } from "/static/exports.js";
import { show } from "/static/fragment.js";

const page = document.querySelector(".consultation");
const root = `/consultation/${page.dataset.context}`;
const exams = document.getElementById("exams");
const filters = document.getElementById("filters");
const count = document.getElementById("results-count");
const bar = document.getElementById("export-bar");
const picked = new Set();
const titles = new Map();
let search = null;
const exports_ = new Exports(page.dataset, showExports);

document.getElementById("situation")?.addEventListener("change", (event) => event.target.form.submit());

if ("searches" in page.dataset) {
  restoreFilters();
  showCriteria();
  foldCriteria();
  filters.addEventListener("change", searchAgain);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", clearFilters);
  exams.addEventListener("change", pick);
  exams.addEventListener("click", (event) => {
    if (event.target.closest("[data-retry]")) load();
  });
  bar.addEventListener("submit", requestExport);
  load();
  exports_.follow();
}

/* Exams */

async function load() {
  search?.abort();
  search = new AbortController();
  const { signal } = search;
  exams.setAttribute("aria-busy", "true");
  exams.replaceChildren(document.getElementById("waiting").content.cloneNode(true));
  count.textContent = "Recherche dans le DMP…";
  try {
    const answer = await fetch(`${root}/exams${location.search}`, { signal });
    const kind = answer.headers.get("content-type") || "";
    // Signed out, or the context is over: the page itself says so.
    if (answer.status === 401 || answer.status === 404) return location.reload();
    if (!kind.startsWith("text/html")) throw new Error("no fragment");
    const html = await answer.text();
    if (signal.aborted) return;
    showExams(html);
    if (answer.ok) loadDocuments(signal);
  } catch {
    if (signal.aborted) return;
    exams.replaceChildren(document.getElementById("unreachable").content.cloneNode(true));
    count.textContent = "";
  }
  exams.setAttribute("aria-busy", "false");
}

function showExams(html) {
  show(exams, html);
  const total = Number(exams.querySelector("[data-count]")?.dataset.count ?? NaN);
  count.textContent = Number.isNaN(total) ? "" : total > 1 ? `${total} examens` : `${total} examen`;
  const traits = exams.querySelector("#fresh-traits");
  const more = document.getElementById("more-traits");
  if (traits && more) more.replaceChildren(traits.content.cloneNode(true));
  for (const exam of exams.querySelectorAll("[data-study]")) {
    const what = exam.querySelector(".exam-title").textContent;
    const when = exam.querySelector(".exam-date strong").textContent;
    titles.set(exam.dataset.study, `${what}, ${when}`);
  }
  for (const box of exams.querySelectorAll("[data-pick]")) box.checked = picked.has(box.value);
  showBar();
}

/* Documents: asked for once the exams are known, so that each report finds its exam. */

async function loadDocuments(signal) {
  const panel = document.getElementById("documents-panel");
  const list = document.getElementById("documents");
  try {
    const answer = await fetch(`${root}/documents${location.search}`, { signal });
    if (!answer.ok) throw new Error("no documents");
    show(list, await answer.text());
    for (const link of list.querySelectorAll("[data-document]")) offerAtExams(link);
  } catch {
    if (signal.aborted) return;
    list.textContent = "La liste des documents n'a pas pu être chargée.";
  }
  panel.hidden = false;
}

function offerAtExams(link) {
  for (const study of link.dataset.about.split(" ").filter(Boolean)) {
    const actions = exams.querySelector(`[data-study="${CSS.escape(study)}"] .exam-actions`);
    if (!actions || actions.querySelector("[data-report]")) continue;
    const button = document.createElement("a");
    button.className = "button";
    button.href = link.href;
    button.target = "_blank";
    button.rel = "noopener";
    button.dataset.report = "";
    button.textContent = "Compte rendu";
    actions.append(button);
  }
}

/* Filters live in the address, so that reloading or sharing a tab keeps them: codes and days only. */

function searchAgain() {
  const query = new URLSearchParams(new FormData(filters));
  for (const name of ["from", "to"]) if (!query.get(name)) query.delete(name);
  history.replaceState(null, "", `?${query}`);
  showCriteria();
  load();
}

/** Let the panel be folded; until it is, its style says whether there is room for it. */
function foldCriteria() {
  const panel = document.getElementById("criteria");
  const toggle = document.getElementById("criteria-toggle");
  const fields = document.getElementById("criteria-fields");
  const tell = () => toggle.setAttribute("aria-expanded", String(fields.checkVisibility()));
  toggle.addEventListener("click", () => {
    const isShown = fields.checkVisibility();
    panel.classList.toggle("is-folded", isShown);
    panel.classList.toggle("is-unfolded", !isShown);
    tell();
  });
  new ResizeObserver(tell).observe(document.body);
}

/** Say what the list answers to (CO.55), in words, wherever the panel is. */
function showCriteria() {
  const words = [...filters.querySelectorAll("input:checked")].map((input) =>
    input.closest("label").textContent.trim(),
  );
  const day = (name) => filters.elements[name].value.split("-").reverse().join("/");
  if (day("from")) words.push(`depuis le ${day("from")}`);
  if (day("to")) words.push(`jusqu'au ${day("to")}`);
  const line = document.getElementById("criteria-in-use");
  line.hidden = words.length === 0;
  line.textContent = `Critères : ${words.join(", ")}`;
}

function clearFilters(event) {
  event.preventDefault();
  for (const input of filters.elements) {
    if (input.type === "checkbox") input.checked = false;
    if (input.type === "date") input.value = "";
  }
  searchAgain();
}

function restoreFilters() {
  const query = new URLSearchParams(location.search);
  if (!query.has("filtered")) return;
  for (const input of filters.elements) {
    if (input.type === "checkbox") input.checked = query.getAll(input.name).includes(input.value);
    if (input.type === "date") input.value = query.get(input.name) ?? "";
  }
}

/* Exports */

function pick(event) {
  const box = event.target.closest("[data-pick]");
  if (!box) return;
  if (box.checked) picked.add(box.value);
  else picked.delete(box.value);
  showBar();
}

function showBar() {
  bar.hidden = picked.size === 0;
  const text = picked.size > 1 ? "examens sélectionnés" : "examen sélectionné";
  document.getElementById("export-count").textContent = `${picked.size} ${text}`;
  const studies = new URLSearchParams([...picked].map((study) => ["study", study]));
  document.getElementById("download").href = `${root}/studies.zip?${studies}`;
}

async function requestExport(event) {
  event.preventDefault();
  const error = document.getElementById("export-error");
  const button = bar.querySelector("button");
  button.disabled = true;
  try {
    await exports_.request(new FormData(bar), picked);
    error.hidden = true;
    picked.clear();
    for (const box of exams.querySelectorAll("[data-pick]")) box.checked = false;
    showBar();
  } catch {
    error.textContent = "L'export n'a pas pu être demandé. Réessayez dans un instant.";
    error.hidden = false;
  }
  button.disabled = false;
}

function showExports(list) {
  document.getElementById("exports").hidden = list.length === 0;
  const line = document.getElementById("export-line").content.firstElementChild;
  const lines = list.map((one) => {
    const item = line.cloneNode(true);
    item.dataset.state = one.state;
    item.querySelector(".export-name").textContent = titles.get(one.study) ?? "Examen";
    item.querySelector(".export-destination").textContent = one.destination;
    const progress = item.querySelector("progress");
    progress.max = Math.max(one.total, 1);
    progress.value = one.state === "done" ? progress.max : one.stored;
    item.querySelector(".export-state").textContent = stateText(one);
    return item;
  });
  document.getElementById("export-list").replaceChildren(...lines);
  for (const one of list) if (one.state === "done") markExported(one);
}

function markExported({ study, destination }) {
  const chips = exams.querySelector(`[data-study="${CSS.escape(study)}"] .exam-chips`);
  if (!chips || chips.querySelector(".chip-good")) return;
  const chip = document.createElement("span");
  chip.className = "chip chip-good";
  chip.textContent = "Déjà exporté";
  chip.title = `Vers ${destination}`;
  chips.append(chip);
}
