// Wheel and pointer on the image: scroll, window, zoom, pan.

const BUTTONS = { 1: "pan", 2: "zoom" }; // middle, right; the left one has the tool that was chosen

export class Pointer {
  #viewport;
  #image;
  #tool = "window";
  #held = null; // what the hand that is on the image does

  /** image is what is shown, and what can be done with it. */
  constructor(viewport, image) {
    this.#viewport = viewport;
    this.#image = image;
    viewport.dataset.tool = this.#tool;
    viewport.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    viewport.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    viewport.addEventListener("contextmenu", (event) => event.preventDefault());
    for (const button of this.#toolButtons()) {
      button.addEventListener("click", () => this.setTool(button.dataset.tool));
    }
  }

  get isHeld() {
    return this.#held !== null;
  }

  /** Choose what the left button does: window, scroll, zoom or pan. */
  setTool(name) {
    this.#tool = name;
    this.#viewport.dataset.tool = name;
    for (const button of this.#toolButtons()) {
      button.setAttribute("aria-checked", String(button.dataset.tool === name));
    }
  }

  #toolButtons() {
    return document.querySelectorAll("[data-tool][role=radio]");
  }

  #onWheel(event) {
    event.preventDefault();
    if (event.ctrlKey) return this.#image.zoomBy(event.deltaY < 0 ? 1.12 : 1 / 1.12, this.#fromCenter(event));
    this.#image.goTo(this.#image.place().position + Math.sign(event.deltaY));
  }

  #fromCenter(event) {
    const box = this.#viewport.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  }

  #onPointerDown(event) {
    if (!this.#image.isShown() || event.target.closest(".message, .export-panel")) return;
    const viewport = this.#viewport;
    viewport.setPointerCapture(event.pointerId);
    this.#held = BUTTONS[event.button] ?? (event.shiftKey ? "pan" : this.#tool);
    const from = this.#image.place();
    const move = (moved) => this.#drag(moved.clientX - event.clientX, moved.clientY - event.clientY, from);
    const release = () => {
      this.#held = null;
      this.#image.settle();
      viewport.removeEventListener("pointermove", move);
      viewport.removeEventListener("pointerup", release);
      viewport.removeEventListener("pointercancel", release);
    };
    viewport.addEventListener("pointermove", move);
    viewport.addEventListener("pointerup", release);
    viewport.addEventListener("pointercancel", release);
  }

  #drag(dx, dy, from) {
    if (this.#held === "pan") {
      this.#image.panTo(from.view.x + dx, from.view.y + dy);
    } else if (this.#held === "zoom") {
      this.#image.zoomTo(from.view.zoom * Math.exp(-dy / 180));
    } else if (this.#held === "scroll") {
      this.#image.goTo(from.position + Math.round(dy / Math.max(3, this.#viewport.clientHeight / from.count)));
    } else if (this.#image.isMonochrome()) {
      const [center, width] = from.window;
      const step = Math.max(width, 50) / 300;
      this.#image.setFreeWindow([center + dy * step, Math.max(1, width + dx * step)]);
    }
  }
}
