// The tree beside the images: this exam and its series, key images first, then the patient's other
// exams with theirs (VI_SO.06, VI-CS.16, VI-CS.34).

import { read } from "/static/fragment.js";

const byId = (id) => document.getElementById(id);
const { context, study: ownStudy } = document.body.dataset;

/** Whether a series is shown as images: its own, or those that a note of it marks. */
export function isPictured(series) {
  return series.is_pictured || series.marked?.length > 0;
}

/** The images of a series as a stack of {series, instance, frame}. */
export function stackOf(series) {
  return series.marked ?? series.instances.map((instance) => ({ series: series.uid, instance, frame: 1 }));
}

/** Open a series by its button; the page comes with all of them. */
export function listenToTree(study, open) {
  for (const series of study.series) buttonOf(series).addEventListener("click", () => open(series));
}

export function markCurrent(series) {
  for (const button of document.querySelectorAll("[data-series]")) {
    button.setAttribute("aria-current", String(button.dataset.series === series.uid));
  }
}

/** Say how many images a series has, once that is known. */
export function tellCount(series, count) {
  const word = isPictured(series) ? "image" : "document";
  buttonOf(series).querySelector("small").textContent = `${count} ${word}${count > 1 ? "s" : ""}`;
}

function buttonOf(series) {
  return document.querySelector(`[data-series="${CSS.escape(series.uid)}"]`);
}

export async function loadThumbnails(study, frames) {
  for (const series of study.series.filter(isPictured)) {
    const image = buttonOf(series).querySelector("img");
    if (!image.hidden) continue;
    const stack = stackOf(series);
    try {
      image.src = URL.createObjectURL(await frames.thumbnail(stack[series.is_pictured ? stack.length >> 1 : 0]));
      image.hidden = false;
      // One object may be a stack of frames: how many, its header tells.
      if (series.is_pictured && stack.length === 1) tellCount(series, (await frames.facts(stack[0])).number_of_frames);
    } catch {
      // The series has its name and modality; opening it tells what is wrong.
    }
  }
}

/** Read what the notes of a series mark; a manifest or rejection note stays a document. */
export async function loadKeyImages(series, frames) {
  if (!series.is_key_images || series.marked) return;
  const notes = [];
  for (const instance of series.instances) {
    const note = await frames.keyImages({ series: series.uid, instance }).catch(() => null);
    if (note?.images.length > 0) notes.push(note);
  }
  if (notes.length === 0) return;
  series.marked = notes.flatMap((note) => note.images);
  const button = buttonOf(series);
  button.querySelector("strong").textContent = notes[0].title;
  button.title = notes.map((note) => note.description).filter(Boolean).join("\n");
  tellCount(series, series.marked.length);
}

/** List the patient's other exams once their node is opened: nothing is asked of the DMP before. */
export function offerOtherExams(compare) {
  const others = byId("others");
  others.addEventListener("toggle", () => {
    if (others.open && byId("other-exams").childElementCount === 0) loadOtherExams(compare);
  });
}

/** Fetch them as the page of exams lists them without criteria. */
async function loadOtherExams(compare) {
  const state = byId("others-state");
  state.textContent = "Recherche dans le DMP…";
  const answer = await fetch(`/consultation/${context}/exams?filtered=1`).catch(() => null);
  if (!answer?.ok) {
    state.textContent = "La liste n'a pas pu être chargée.";
    return;
  }
  const others = [...read(await answer.text()).querySelectorAll("[data-study]")].filter(
    (exam) => exam.dataset.study !== ownStudy,
  );
  byId("other-exams").replaceChildren(...others.map((exam) => examNode(exam, compare)));
  state.textContent = others.length === 0 ? "Aucun autre examen d'imagerie." : "";
}

function examNode(exam, compare) {
  const item = byId("exam-item").content.firstElementChild.cloneNode(true);
  const text = (selector) => exam.querySelector(selector)?.textContent.trim() ?? "";
  const chips = [...exam.querySelectorAll("abbr.chip")].map((chip) => chip.textContent);
  item.querySelector("strong").textContent = text(".exam-title");
  item.querySelector("small").textContent = [text(".exam-date strong"), ...chips].join(" · ");
  const address = `/viewer/${context}/${exam.dataset.study}`;
  item.querySelector("ul").append(...[...exam.querySelectorAll("tbody tr")].map(seriesLink));
  const title = `${text(".exam-title")} · ${text(".exam-date strong")}`;
  item.querySelector("button").addEventListener("click", () => compare(address, title));
  return item;
}

function seriesLink(row) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const [number, modality, description, count] = [...row.cells].map((cell) => cell.textContent.trim());
  link.href = row.querySelector("a").getAttribute("href");
  link.textContent = description;
  const more = document.createElement("small");
  more.textContent = `${number ? `Série ${number} · ` : ""}${modality} · ${count}`;
  item.append(link, more);
  return item;
}
