// Frames of what is shown: fetched near first, a few at a time, kept while there is room. A frame is
// {series, instance, frame}: a stack of key images comes from several series.

import { ViewFailure } from "/static/viewer/failures.js";

const PARALLEL = 4;
const MAX_KEPT = 1200; // compressed
const MAX_DECODED = 48; // a decoded frame may take 16 MB
const THUMBNAIL = 192;
const RETRY_MS = 400;
const BUSY_MS = 1500;
const ENOUGH_TO_ESTIMATE = 10; // frames; the first wait for the Source and tell nothing of its pace

export class FrameStore {
  #root;
  #facts = new Map();
  #kept = new Map();
  #decoded = new Map();
  #pending = new Map();
  #queue = [];
  #running = 0;
  #stack = [];
  #size = 1024;
  #loaded = new Set();
  #onLoaded = () => {};
  #firstArrival = null;
  #stop = new AbortController();

  constructor(root) {
    this.#root = root;
  }

  /** Make this the stack shown; what was on its way for another is given up. */
  open(stack, { size, onLoaded }) {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#pending.clear();
    this.#queue = [];
    this.#loaded.clear();
    this.#stack = stack;
    this.#size = size;
    this.#onLoaded = onLoaded;
    this.#firstArrival = null;
    for (const one of stack) {
      const key = this.#key(one, null);
      if (this.#kept.has(key)) this.#loaded.add(key.replace(/\?.*/, ""));
    }
    if (this.#loaded.size > 0) this.#tellArrival();
  }

  async facts(one) {
    const url = this.address(one);
    if (!this.#facts.has(url)) {
      const facts = fetchOrFail(url).then((answer) => answer.json());
      facts.catch(() => this.#facts.delete(url));
      this.#facts.set(url, facts);
    }
    return this.#facts.get(url);
  }

  /** The picture of one frame, fetched before all others where it is not here. */
  async get(one, window) {
    const key = this.#key(one, window);
    const decoded = this.#decoded.get(key);
    if (decoded) return decoded;
    const image = await createImageBitmap(await this.#fetch(key, true));
    return remember(this.#decoded, key, image, MAX_DECODED);
  }

  has(one, window) {
    return this.#kept.has(this.#key(one, window));
  }

  /** Fetch what lies around a position, then the rest of the series. */
  preload(position, window) {
    const order = [];
    for (let step = 1; step < this.#stack.length; step++) {
      for (const next of [position + step, position - step]) {
        if (this.#stack[next]) order.push(this.#key(this.#stack[next], window));
      }
    }
    this.#queue = order.filter((key) => !this.#kept.has(key)).slice(0, MAX_KEPT >> 1);
    this.#work();
  }

  /** A zoomed image deserves all its pixels: fetch them once, then redraw. */
  wantFullSize(facts, redraw) {
    const full = Math.min(4096, Math.max(facts?.rows ?? 0, facts?.columns ?? 0));
    if (full <= this.#size) return;
    this.#size = full;
    redraw();
  }

  async thumbnail(one) {
    const url = `${this.address(one)}/frames/${one.frame}?size=${THUMBNAIL}`;
    return (await fetchOrFail(url)).blob();
  }

  /** The stack turned out to be one object of many frames; what is on its way stays so. */
  restack(stack) {
    this.#stack = stack;
  }

  /** What a Key Image Note marks: {title, description, unavailable, images}. */
  async keyImages(one) {
    return (await fetchOrFail(`${this.address(one)}/key-images`)).json();
  }

  /** Where the slices of a series lie in the patient: {slices}. */
  async slices(series) {
    return (await fetchOrFail(`${this.#root}/series/${series}/slices`)).json();
  }

  /** Where one object of the exam stands. */
  address({ series, instance }) {
    return `${this.#root}/series/${series}/instances/${instance}`;
  }

  #key(one, window) {
    const wish = window ? `&window=${window.map((part) => part.toFixed(1)).join(",")}` : "";
    return `${this.address(one)}/frames/${one.frame}?size=${this.#size}${wish}`;
  }

  #work() {
    while (this.#running < PARALLEL && this.#queue.length > 0) {
      const key = this.#queue.shift();
      if (this.#kept.has(key) || this.#pending.has(key)) continue;
      this.#running++;
      this.#fetch(key, false)
        .catch(() => (this.#queue = []))
        .finally(() => {
          this.#running--;
          this.#work();
        });
    }
  }

  #fetch(key, isUrgent) {
    const kept = this.#kept.get(key);
    if (kept) return Promise.resolve(kept);
    if (this.#pending.has(key)) return this.#pending.get(key);
    const { signal } = this.#stop;
    const picture = fetchOrFail(key, { signal, priority: isUrgent ? "high" : "low" })
      .then((answer) => answer.blob())
      .then((blob) => this.#keep(key, blob))
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, picture);
    return picture;
  }

  #keep(key, blob) {
    remember(this.#kept, key, blob, MAX_KEPT);
    this.#loaded.add(key.replace(/\?.*/, ""));
    this.#tellArrival();
    return blob;
  }

  #tellArrival() {
    const total = this.#stack.length;
    const loaded = Math.min(this.#loaded.size, total);
    this.#firstArrival ??= { at: performance.now(), loaded };
    const arrived = loaded - this.#firstArrival.loaded;
    const seconds = (performance.now() - this.#firstArrival.at) / 1000;
    const secondsLeft = arrived < ENOUGH_TO_ESTIMATE ? 0 : (seconds / arrived) * (total - loaded);
    this.#onLoaded({ loaded, total, secondsLeft });
  }
}

/** Keep a value, the oldest going first; the browser frees what nobody draws any more. */
function remember(map, key, value, limit) {
  map.set(key, value);
  while (map.size > limit) map.delete(map.keys().next().value);
  return value;
}

async function fetchOrFail(url, options = {}) {
  let answer;
  try {
    answer = await fetchTwice(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ViewFailure("network");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) throw new ViewFailure("session-over");
  const body = await answer.json().catch(() => ({}));
  throw new ViewFailure(body.failure ?? "error", body.sentence);
}

/** A workstation that changes network loses what is on its way, a busy box says 503: once more, then it is an error. */
async function fetchTwice(url, options) {
  let pause = RETRY_MS;
  try {
    const answer = await fetch(url, options);
    if (answer.status !== 503) return answer;
    pause = BUSY_MS;
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  await new Promise((wake) => setTimeout(wake, pause));
  return fetch(url, options);
}
