// Sentences for the server's words (VIEW_FAILURES of viewer.py), and for what never reached it.

const TEXTS = {
  consent: "Le patient n'a pas donné son accord à la consultation.",
  "not-authorised": "Votre profession n'est pas autorisée à consulter ces images.",
  "token-refused": "La DRIMbox d'origine n'a pas accepté votre identification. Reconnectez-vous, puis réessayez.",
  "not-found": "Ces images ne sont pas ou plus disponibles.",
  "not-an-image": "Cet objet n'est pas une image, ou son type n'est pas pris en charge.",
  "no-common-syntax": "La DRIMbox d'origine n'a ces images dans aucun des formats demandés (syntaxes de transfert).",
  "other-patient": "Les images reçues ne portent pas l'identité de ce patient. Elles ne sont pas affichées.",
  unreadable: "Ces images ne peuvent pas être décodées.",
  "source-refused": "La DRIMbox d'origine a refusé l'envoi des images.",
  "source-unavailable": "La DRIMbox d'origine ne répond pas. Réessayez dans un instant.",
  "session-over": "Votre session est terminée. Rouvrez le dossier depuis votre logiciel.",
  network: "La connexion au réseau est interrompue.",
};

export function failureText(word) {
  return TEXTS[word] ?? "Les images n'ont pas pu être affichées.";
}
