// Exports of one consultation: asked for, followed, told in words (CO.60, CO.61, VI-CO.42).

const POLL_MS = 1000;
const STATES = { queued: "En attente", running: "En cours", done: "Exporté", failed: "Échec" };
const FAILURES = {
  "source-unavailable": "Échec : la DRIMbox d'origine ne répond pas",
  "source-refused": "Échec : la DRIMbox d'origine a refusé",
  "other-patient": "Échec : images d'un autre patient",
  "destination-unavailable": "Échec : la destination ne répond pas",
  "destination-refused": "Échec : la destination a refusé",
  interrupted: "Interrompu : recommencez",
};

export function stateText(one) {
  if (one.state === "failed") return FAILURES[one.failure] ?? STATES.failed;
  if (one.state === "running") return `${STATES.running} : ${one.stored} / ${one.total}`;
  return STATES[one.state];
}

export function isOver(one) {
  return one.state === "done" || one.state === "failed";
}

export class Exports {
  #address;
  #formToken;
  #show;
  #isFollowing = false;
  #isAskedAgain = false;

  /** show gets the whole list, each time it was asked for. */
  constructor({ context, formToken }, show) {
    this.#address = `/consultation/${context}/exports`;
    this.#formToken = formToken;
    this.#show = show;
  }

  /** Ask for these exams; the fields are those of the page's form. Throws where it is refused. */
  async request(fields, studies) {
    const form = new URLSearchParams(fields);
    form.set("form_token", this.#formToken);
    for (const study of studies) form.append("study", study);
    const answer = await fetch(this.#address, { method: "POST", body: form });
    if (!answer.ok) throw new Error("refused");
    this.follow();
  }

  /** Show the list until nothing of it is under way. */
  async follow() {
    this.#isAskedAgain = true;
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    let isUnderWay = true;
    while (isUnderWay || this.#isAskedAgain) {
      this.#isAskedAgain = false;
      try {
        const answer = await fetch(this.#address);
        if (!answer.ok) break;
        const list = await answer.json();
        this.#show(list);
        isUnderWay = !list.every(isOver);
      } catch {
        // The network may come back; the exports go on without us.
      }
      if (isUnderWay) await new Promise((wake) => setTimeout(wake, POLL_MS));
    }
    this.#isFollowing = false;
  }
}
