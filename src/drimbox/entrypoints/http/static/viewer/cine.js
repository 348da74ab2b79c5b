// A stack as a film: one image after the other, as many a second as the slider says.

const byId = (id) => document.getElementById(id);

export class Cine {
  #isNextHere;
  #goOn;
  #frame = null; // the one asked of the browser, while it runs

  /** isNextHere tells whether the image to come has arrived; goOn shows it. */
  constructor({ isNextHere, goOn }) {
    this.#isNextHere = isNextHere;
    this.#goOn = goOn;
    byId("speed").addEventListener("input", (event) => this.setSpeed(event.target.value));
  }

  toggle() {
    if (this.#frame !== null) return this.stop();
    this.#press(true);
    let last = performance.now();
    const step = (now) => {
      this.#frame = requestAnimationFrame(step);
      if (now - last < 1000 / Number(byId("speed").value)) return;
      // Waits for an image that has not come yet, rather than skip it.
      if (!this.#isNextHere()) return;
      last = now;
      this.#goOn();
    };
    this.#frame = requestAnimationFrame(step);
  }

  stop() {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#press(false);
  }

  /** Images a second. */
  setSpeed(speed) {
    byId("speed").value = speed;
    byId("speed-text").textContent = `${byId("speed").value} i/s`;
  }

  #press(isPressed) {
    document.querySelector('[data-action="cine"]').setAttribute("aria-pressed", String(isPressed));
  }
}
