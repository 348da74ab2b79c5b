// The image page: one series at a time, drawn by the server, scrolled, windowed, zoomed here.

import { showArrival } from "/static/viewer/arrival.js";
import { Cine } from "/static/viewer/cine.js";
import { compare, listenToCompared } from "/static/viewer/compared.js";
import { FrameStore } from "/static/viewer/frames.js";
import { presetsFor } from "/static/viewer/presets.js";
import { ViewFailure } from "/static/viewer/failures.js";
import { toggleExport } from "/static/viewer/export.js";
import { SliceLink } from "/static/viewer/link.js";
import { Pointer } from "/static/viewer/pointer.js";
import { windowFilter } from "/static/viewer/preview.js";
import { loadReports, toggleReports } from "/static/viewer/reports.js";
import {
  isPictured,
  loadKeyImages,
  listenToTree,
  loadThumbnails,
  markCurrent,
  offerOtherExams,
  stackOf,
  tellCount,
} from "/static/viewer/series.js";
import { showTexts } from "/static/viewer/texts.js";

const study = JSON.parse(document.getElementById("study").textContent);
const frames = new FrameStore(document.body.dataset.root);
const byId = (id) => document.getElementById(id);
const viewport = byId("viewport");
const canvas = byId("canvas");
const brush = canvas.getContext("2d");

const SLOW_MS = 250;
const ORIGINAL_VIEW = { zoom: 1, x: 0, y: 0, isInverted: false };

let series = null; // the one opened in the tree
let stack = []; // its images: {series, instance, frame}
let position = 0;
let window_ = null; // [center, width] asked for; null: the image's own
let view = { ...ORIGINAL_VIEW };
let shown = null; // {image, facts, window}
const marked = new Set(); // key images, as "instance/frame"
const link = new SliceLink({
  frames,
  current: () => ({ stack, position }),
  goTo: (index) => goTo(index, { isLed: true }),
  tell: tellAwaited,
});
const cine = new Cine({
  isNextHere: () => frames.has(stack[nextInCine()], window_),
  goOn: () => goTo(nextInCine()),
});
const pointer = new Pointer(viewport, {
  isShown: () => shown !== null,
  isMonochrome: () => shown.facts.is_monochrome,
  place: () => ({ position, count: stack.length, view: { ...view }, window: window_ ?? shown?.facts.window ?? [128, 256] }),
  settle: () => frames.preload(position, window_),
  goTo,
  panTo,
  zoomBy,
  zoomTo,
  setFreeWindow,
});

start();

function start() {
  listenToTree(study, open);
  const asked = new URLSearchParams(location.search).get("series");
  const first = study.series.find((one) => one.uid === asked) ?? study.series.find(isPictured);
  new ResizeObserver(fit).observe(viewport);
  listen();
  offerOtherExams(compare);
  if (first ?? study.series[0]) open(first ?? study.series[0]);
  else tell("Cet examen ne contient aucune image à afficher.");
}

/* Series */

async function open(one) {
  cine.stop();
  series = one;
  window_ = null;
  shown = null;
  view = { ...ORIGINAL_VIEW };
  position = 0;
  markCurrent(one);
  tell("Réception des images…");
  await loadKeyImages(one, frames);
  if (series !== one) return;
  stack = stackOf(one);
  showPosition();
  byId("object-document").hidden = isPictured(one);
  byId("stage").classList.toggle("is-document", !isPictured(one));
  if (!isPictured(one)) {
    frames.open([], { size: 0, onLoaded: () => {} });
    clear();
    tell(null);
    loadRest();
    return showDocument();
  }
  frames.open(stack, { size: wantedSize(), onLoaded: showArrival });
  // On its way while the facts are; `draw` finds it, or says what went wrong.
  frames.get(stack[0], null).catch(() => {});
  try {
    const facts = await frames.facts(stack[0]);
    if (series !== one) return;
    unfold(facts);
    fillPresets(facts);
    if (facts.frame_time_ms > 0) cine.setSpeed(Math.round(1000 / facts.frame_time_ms));
  } catch (error) {
    if (series === one) return tellFailure(error);
  }
  showPosition();
  await draw();
  link.onOpened();
  loadRest();
}

/** A series of one object of many frames is a stack of these. */
function unfold(facts) {
  if (facts.number_of_frames < 2 || series.instances.length !== 1 || series.marked) return;
  stack = Array.from({ length: facts.number_of_frames }, (_, n) => ({ ...stack[0], frame: n + 1 }));
  frames.restack(stack);
  tellCount(series, stack.length);
}

/** A report or a PDF of the exam takes the place of the image. */
function showDocument() {
  const address = `${frames.address(stack[position])}/document`;
  byId("object-document").contentWindow.location.replace(address);
}

let hasLoadedRest = false;

/** What can wait until the first image is there. */
async function loadRest() {
  if (hasLoadedRest) return;
  hasLoadedRest = true;
  loadReports();
  for (const one of study.series) await loadKeyImages(one, frames);
  for (const one of study.series.flatMap((note) => note.marked ?? [])) marked.add(`${one.instance}/${one.frame}`);
  if (shown) paint();
  loadThumbnails(study, frames);
}

/* Drawing */

async function draw({ isMoving = false } = {}) {
  if (!isPictured(series)) return showDocument();
  const asked = { series, position };
  const one = stack[position];
  const slow = setTimeout(() => shown && tellAwaited(`Réception de l'image ${position + 1}…`), SLOW_MS);
  try {
    const [image, facts] = await Promise.all([frames.get(one, window_), frames.facts(one)]);
    if (asked.series !== series || asked.position !== position) return;
    shown = { image, facts, window: window_ ?? facts.window };
    tell(null);
    paint();
    markFirstImage();
    if (!isMoving) frames.preload(position, window_);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (asked.series === series && asked.position === position) tellFailure(error);
  } finally {
    clearTimeout(slow);
    if (asked.series === series && asked.position === position) tellAwaited("");
  }
}

/** Say that the image shown is not yet the one wanted. */
function tellAwaited(text) {
  byId("awaited").textContent = text;
}

/** What a user waits for, as a mark that measures of the page can read (User Timing). */
function markFirstImage() {
  const name = "first-image";
  if (performance.getEntriesByName(name).length === 0) performance.mark(name);
}

function paint() {
  const { width, height } = canvas;
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.fillStyle = "#000";
  brush.fillRect(0, 0, width, height);
  if (!shown) return;
  const { image, facts } = shown;
  const [rowMm, columnMm] = facts.pixel_spacing_mm ?? [1, 1];
  const wide = facts.columns * columnMm;
  const high = facts.rows * rowMm;
  const scale = Math.min(width / wide, height / high) * view.zoom;
  brush.imageSmoothingQuality = "high";
  brush.filter = previewFilter();
  brush.drawImage(
    image,
    (width - wide * scale) / 2 + view.x * devicePixelRatio,
    (height - high * scale) / 2 + view.y * devicePixelRatio,
    wide * scale,
    high * scale,
  );
  brush.filter = "none";
  showTextsOf(facts, (scale * columnMm) / devicePixelRatio);
}

function previewFilter() {
  const steps = [windowFilter(shown.window, window_ ?? shown.facts.window), view.isInverted ? "invert(1)" : null];
  return steps.filter(Boolean).join(" ") || "none";
}

function clear() {
  shown = null;
  paint();
  for (const corner of document.querySelectorAll(".corner, .edge")) corner.textContent = "";
}

function fit() {
  canvas.width = Math.round(viewport.clientWidth * devicePixelRatio);
  canvas.height = Math.round(viewport.clientHeight * devicePixelRatio);
  if (shown) paint();
}

function wantedSize() {
  const pixels = Math.min(viewport.clientWidth, viewport.clientHeight) * devicePixelRatio;
  return Math.min(2048, Math.max(512, Math.ceil(pixels / 256) * 256));
}

/* Texts */

function showTextsOf(facts, zoom) {
  const { instance, frame, ...own } = stack[position];
  const ownSeries = study.series.find((one) => one.uid === own.series);
  const place = { position, count: stack.length, isKeyImage: marked.has(`${instance}/${frame}`) };
  showTexts(facts, ownSeries, place, window_ ?? facts.window, zoom);
}

function tell(text, retry = null) {
  const box = byId("message");
  box.hidden = text === null;
  box.querySelector("p").textContent = text ?? "";
  const button = box.querySelector("button");
  button.hidden = retry === null;
  button.onclick = retry;
}

function tellFailure(error) {
  clear();
  const { sentence } = error instanceof ViewFailure ? error : new ViewFailure("error");
  tell(sentence, () => open(series));
}

function showPosition() {
  const slider = byId("position");
  byId("stage").classList.toggle("is-single", stack.length < 2);
  slider.max = Math.max(stack.length, 1);
  slider.value = position + 1;
  byId("position-text").textContent = `${Math.min(position + 1, stack.length)} / ${stack.length}`;
}

/* Moving */

/** Show an image of the stack; isLed where the exam beside this one leads, which it then need not be told. */
function goTo(next, { isLed = false } = {}) {
  const to = Math.min(Math.max(next, 0), stack.length - 1);
  if (isLed) tellAwaited("");
  if (to === position || !series) return;
  position = to;
  showPosition();
  draw();
  if (!isLed) link.onMoved();
}

let windowTimer = null;

function setWindow(wish) {
  window_ = wish;
  if (!shown) return;
  paint();
  // Drawn anew at most eight times a second while the hand moves.
  windowTimer ??= setTimeout(() => {
    windowTimer = null;
    draw({ isMoving: pointer.isHeld });
  }, 120);
}

/** Set a window that is none of the list. */
function setFreeWindow(wish) {
  byId("preset").value = "free";
  setWindow(wish);
}

function panTo(x, y) {
  view.x = x;
  view.y = y;
  paint();
}

function zoomBy(factor, at = null) {
  zoomTo(view.zoom * factor, at);
}

/** Zoom; what is `at` this place, from the centre, stays there. */
function zoomTo(wish, at = null) {
  const zoom = Math.min(Math.max(wish, 0.2), 20);
  const real = zoom / view.zoom;
  if (at) {
    view.x = at.x - (at.x - view.x) * real;
    view.y = at.y - (at.y - view.y) * real;
  }
  view.zoom = zoom;
  if (zoom > 1.5) frames.wantFullSize(shown?.facts, () => draw());
  paint();
}

function fillPresets(facts) {
  const presets = facts.is_monochrome ? presetsFor(facts.modality) : [];
  const select = byId("preset");
  const free = new Option("Fenêtre libre", "free");
  free.hidden = true;
  select.replaceChildren(new Option("Fenêtre d'origine", ""), free);
  for (const [name, center, width] of presets) select.add(new Option(name, `${center},${width}`));
  select.disabled = !facts.is_monochrome;
}

function reset() {
  view = { ...ORIGINAL_VIEW };
  byId("preset").value = "";
  document.querySelector('[data-action="invert"]').setAttribute("aria-pressed", "false");
  window_ = null;
  draw();
}

function invert() {
  view.isInverted = !view.isInverted;
  document.querySelector('[data-action="invert"]').setAttribute("aria-pressed", String(view.isInverted));
  paint();
}

function nextInCine() {
  return (position + 1) % stack.length;
}

/* Buttons and keys */

function listen() {
  listenToCompared();
  viewport.addEventListener("dblclick", reset);
  byId("link").addEventListener("click", () => link.toggle());
  document.addEventListener("keydown", onKey);
  byId("position").addEventListener("input", (event) => goTo(Number(event.target.value) - 1));
  byId("preset").addEventListener("change", (event) => {
    setWindow(event.target.value ? event.target.value.split(",").map(Number) : null);
  });
  const actions = { previous: () => goTo(position - 1), next: () => goTo(position + 1), cine: () => cine.toggle(), invert, reset, reports: toggleReports, export: toggleExport };
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }
}

const KEYS = {
  ArrowUp: () => goTo(position - 1),
  ArrowLeft: () => goTo(position - 1),
  ArrowDown: () => goTo(position + 1),
  ArrowRight: () => goTo(position + 1),
  PageUp: () => goTo(position - 10),
  PageDown: () => goTo(position + 10),
  Home: () => goTo(0),
  End: () => goTo(stack.length - 1),
  "+": () => zoomBy(1.2),
  "-": () => zoomBy(1 / 1.2),
  0: reset,
  i: invert,
  w: () => pointer.setTool("window"),
  s: () => pointer.setTool("scroll"),
  z: () => pointer.setTool("zoom"),
  d: () => pointer.setTool("pan"),
  c: toggleReports,
  e: toggleExport,
  l: () => link.toggle(),
  " ": () => cine.toggle(),
};

function onKey(event) {
  if (event.target.closest("input, select, button, a") && event.key !== "PageUp" && event.key !== "PageDown") return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
