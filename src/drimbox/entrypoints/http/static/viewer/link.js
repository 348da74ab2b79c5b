// Two exams beside each other, scrolled together by where their slices lie (VI-CS.35). Each is a page of its
// own: the outer one holds the link and decides, the inner one tells where it is and goes where it is sent.

import { SlicePlaces, areParallel, carried, nearest, shareAFrame } from "/static/viewer/slices.js";

const byId = (id) => document.getElementById(id);
const isInner = document.body.classList.contains("is-beside");
const STATES = {
  off: "",
  waiting: "Réception des positions…",
  exact: "Coupes liées : même repère",
  relative: "Coupes liées à partir de celles affichées",
  "other-planes": "Non liées : les plans de coupe diffèrent",
  "no-places": "Non liées : une des séries n'a pas de coupes repérées",
  failed: "Non liées : les positions n'ont pas pu être lues",
};

export class SliceLink {
  #places;
  #current;
  #goTo;
  #tell;
  #isLinked = false; // of the inner page: whether it is asked to tell its moves
  #pair = null; // {own, other}: a slice of each page at the same height

  /** current gives {stack, position}; goTo goes to a position; tell says a sentence over the image. */
  constructor({ frames, current, goTo, tell }) {
    this.#places = new SlicePlaces(frames);
    this.#current = current;
    this.#goTo = goTo;
    this.#tell = tell;
    addEventListener("message", (event) => this.#receive(event));
  }

  /** Link, or let each go on by itself. */
  toggle() {
    if (isInner) return this.#send({ slices: "toggle" });
    if (byId("compared").hidden) return;
    this.#isLinked = !this.#isLinked;
    this.#pair = null;
    byId("link").setAttribute("aria-pressed", String(this.#isLinked));
    this.#show(this.#isLinked ? "waiting" : "off");
    this.#send({ slices: this.#isLinked ? "ask" : "free" });
  }

  /** Another series is shown here. */
  onOpened() {
    if (isInner) this.#send({ slices: "opened" });
    else if (this.#isLinked) this.#send({ slices: "ask" });
  }

  /** The user went to another slice. */
  async onMoved() {
    if (!this.#isLinked || (!isInner && !this.#pair)) return;
    const place = await this.#here().catch(() => null); // the next link tells why
    if (!place) return;
    if (isInner) this.#send({ slices: "moved", place });
    else if (this.#pair) this.#send({ slices: "go", to: carried(place, this.#pair.own, this.#pair.other) });
  }

  #receive({ data, origin, source }) {
    if (origin !== location.origin || source !== this.#partner() || !data?.slices) return;
    if (isInner) return this.#obey(data);
    if (data.slices === "toggle") this.toggle();
    else if (!this.#isLinked) return;
    else if (data.slices === "opened") this.#send({ slices: "ask" });
    else if (data.slices === "here") this.#pairWith(data.place, data.hasFailed);
    else if (data.slices === "moved" && this.#pair) this.#follow(carried(data.place, this.#pair.other, this.#pair.own));
  }

  async #obey(data) {
    this.#isLinked = data.slices !== "free";
    if (data.slices === "go") return this.#follow(data.to);
    if (data.slices !== "ask") return;
    const place = await this.#here().catch(() => undefined);
    this.#send({ slices: "here", place: place ?? null, hasFailed: place === undefined });
  }

  /** Take these two slices as being at the same height, unless both exams were paired before. */
  async #pairWith(other, hasFailed) {
    this.#show("waiting");
    const own = hasFailed ? undefined : await this.#here().catch(() => undefined);
    if (!this.#isLinked) return;
    const before = this.#pair;
    this.#pair = null;
    if (own === undefined) return this.#show("failed");
    if (!own || !other) return this.#show("no-places");
    if (!areParallel(own, other)) return this.#show("other-planes");
    const isSame = before && shareAFrame(before.own, own) && shareAFrame(before.other, other);
    this.#pair = isSame ? before : { own, other };
    this.#show(shareAFrame(own, other) ? "exact" : "relative");
    this.onMoved();
  }

  async #follow(to) {
    const { stack } = this.#current();
    const index = nearest(await this.#places.of(stack).catch(() => []), to);
    if (this.#current().stack !== stack) return;
    if (index < 0) this.#tell("Hauteur non couverte par cette série");
    else this.#goTo(index);
  }

  async #here() {
    const { stack, position } = this.#current();
    return (await this.#places.of(stack))[position] ?? null;
  }

  #show(state) {
    byId("link-state").textContent = STATES[state];
  }

  #partner() {
    return isInner ? window.parent : byId("compared-page").contentWindow;
  }

  #send(message) {
    this.#partner()?.postMessage(message, location.origin);
  }
}
