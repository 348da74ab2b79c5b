// Every refusal and every notice: a code of ours that a program can rely on, and a French text.

Profile: DrimboxOperationOutcome
Parent: OperationOutcome
Id: drimbox-operation-outcome
Title: "Refus ou avis de cette box"
Description: "Chaque issue porte un code stable de drimbox-issue et un texte ; jamais ce que l'appelant a envoyé."
* issue.details 1..1
* issue.details.text 1..1
* issue.diagnostics 0..0
* obeys drimbox-outcome-1

Invariant: drimbox-outcome-1
Description: "Un code de drimbox-issue par issue"
Severity: #error
Expression: "issue.all(details.coding.where(system = 'https://drimbox.example/fhir/CodeSystem/drimbox-issue' and code.exists()).count() = 1 and details.text.exists())"

ValueSet: DrimboxIssue
Id: drimbox-issue
Title: "Codes d'issue de cette box"
Description: "Tous les codes de drimbox-issue."
* ^experimental = false
* include codes from system DrimboxIssueCodes

CodeSystem: DrimboxIssueCodes
Id: drimbox-issue
Title: "Codes d'issue de cette box"
Description: "Codes stables des OperationOutcome. E200 est le code de la spécification de l'appel contextuel."
* ^experimental = false
* ^caseSensitive = true
* ^content = #complete
* #E200 "Paramètre de l'appel contextuel absent ou mal formé"
* #conflict "L'état a changé entre-temps"
* #consent-missing "Patient opposé à la consultation, ou non interrogé"
* #dmp-absent "Aucun DMP pour ce patient"
* #dmp-closed "DMP fermé"
* #document-absent "Document annoncé par le DMP, qu'il ne détient plus ou ne montre pas"
* #document-altered "Document altéré ou illisible"
* #document-gone "Document remplacé ou retiré"
* #insufficient-scope "Le jeton ne donne pas ce droit (scope)"
* #internal "Erreur interne"
* #invalid-value "Valeur non admise"
* #kos-unreadable "Réponse partielle : un manifeste n'a pas pu être lu"
* #list-partial "Réponse partielle : liste incomplète du DMP"
* #malformed "Demande mal formée"
* #method-not-allowed "Interaction absente ici"
* #mismatch "Deux sources ne concordent pas"
* #not-acceptable "Aucun des formats acceptés ne peut être fourni"
* #not-authenticated "Jeton absent ou sans valeur"
* #not-counted "Trop d'examens pour donner le total"
* #not-found "Ressource absente ou inaccessible"
* #not-supported "Type de ressource ou interaction absents ici"
* #page-expired "Page de recherche expirée"
* #parameter-ignored "Paramètre de recherche inconnu, ignoré"
* #parameter-unknown "Paramètre de recherche inconnu, refusé"
* #parameter-assumed "Paramètre absent : la valeur qui a été supposée"
* #partner-failed "Le DMP est en erreur"
* #partner-forbids "Le DMP ne permet pas cet accès"
* #partner-refused-user "Le DMP n'accepte pas cette identité : nouvelle connexion nécessaire"
* #partner-refused "Un service distant a refusé la demande"
* #partner-timeout "Un service distant n'a pas répondu à temps"
* #partner-unavailable "Un service distant ne répond pas"
* #patient-not-named "Un patient se cherche par identifier ou _id"
* #refused "Droit manquant"
* #token-expired "Jeton expiré"
* #too-large "Demande trop volumineuse"
* #too-many "Réponse partielle : affinez la recherche"
* #too-many-documents "Trop de documents au DMP : affinez la recherche"
* #too-many-requests "Trop de demandes en peu de temps"
* #unknown-domain "Domaine d'identifiants inconnu ici"
* #unsupported-content "Type de contenu non accepté"
