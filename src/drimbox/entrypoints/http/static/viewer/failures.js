// What a person reads when images do not come: the server's own sentence (shown_failures.py), and
// these two for what never reached it.

const HERE = {
  "session-over": "Votre session est terminée. Rouvrez le dossier depuis votre logiciel.",
  network: "La connexion au réseau est interrompue.",
};
const OTHERWISE = "Les images n'ont pas pu être affichées.";

/** What went wrong, as a word of the server's or one of these. */
export class ViewFailure extends Error {
  constructor(failure, sentence) {
    super(failure);
    this.failure = failure;
    this.sentence = sentence ?? HERE[failure] ?? OTHERWISE;
  }
}
