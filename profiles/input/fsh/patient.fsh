// A patient with a qualified INS: FR Core's fr-core-patient-ins (2.1), said again with rules that
// every validator can see. What stands inside a slice is an invariant too.

Profile: DrimboxPatientIns
Parent: Patient
Id: drimbox-patient-ins
Title: "Patient à l'INS qualifiée"
Description: "Une INS et ses cinq traits, ensemble ou pas du tout (Référentiel INS)."
* identifier 1..*
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "system"
* identifier ^slicing.rules = #open
* identifier contains
    nir 0..* and
    nia 0..* and
    nirTest 0..* and
    nirDemo 0..*
* identifier[nir].system 1..1
* identifier[nir].system = "urn:oid:1.2.250.1.213.1.4.8"
* identifier[nia].system 1..1
* identifier[nia].system = "urn:oid:1.2.250.1.213.1.4.9"
* identifier[nirTest].system 1..1
* identifier[nirTest].system = "urn:oid:1.2.250.1.213.1.4.10"
* identifier[nirDemo].system 1..1
* identifier[nirDemo].system = "urn:oid:1.2.250.1.213.1.4.11"
* name 1..*
* gender 1..1
* birthDate 1..1
* obeys drimbox-ins-1 and drimbox-ins-2 and drimbox-ins-3 and drimbox-ins-4 and drimbox-ins-5
    and drimbox-ins-6 and drimbox-ins-7 and drimbox-ins-8

Invariant: drimbox-ins-1
Description: "Une INS en vigueur, et une seule : NIR, NIA, ou celle d'un environnement d'essai"
Severity: #error
Expression: "identifier.where((system = 'urn:oid:1.2.250.1.213.1.4.8' or system = 'urn:oid:1.2.250.1.213.1.4.9' or system = 'urn:oid:1.2.250.1.213.1.4.10' or system = 'urn:oid:1.2.250.1.213.1.4.11') and (use.exists() and use = 'old').not()).count() = 1"

Invariant: drimbox-ins-2
Description: "Le type et l'usage d'une INS sont ceux de son autorité"
Severity: #error
Expression: "identifier.where(system = 'urn:oid:1.2.250.1.213.1.4.8').all(type.coding.where(system = 'https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203' and code = 'INS-NIR').exists() and (use = 'official' or use = 'old')) and identifier.where(system = 'urn:oid:1.2.250.1.213.1.4.9').all(type.coding.where(code = 'INS-NIA').exists() and (use = 'temp' or use = 'old')) and identifier.where(system = 'urn:oid:1.2.250.1.213.1.4.10').all(type.coding.where(code = 'INS-NIR-TEST').exists() and (use = 'official' or use = 'old')) and identifier.where(system = 'urn:oid:1.2.250.1.213.1.4.11').all(type.coding.where(code = 'INS-NIR-DEMO').exists() and (use = 'official' or use = 'old'))"

Invariant: drimbox-ins-3
Description: "Une INS a treize caractères et une clé de deux chiffres"
Severity: #error
Expression: "identifier.where(system = 'urn:oid:1.2.250.1.213.1.4.8' or system = 'urn:oid:1.2.250.1.213.1.4.9' or system = 'urn:oid:1.2.250.1.213.1.4.10' or system = 'urn:oid:1.2.250.1.213.1.4.11').all(value.exists() and value.matches('^[1-9][0-9]{5}[0-9AB][0-9]{8}$'))"

Invariant: drimbox-ins-4
Description: "Nom et premier prénom de naissance, et la liste des prénoms"
Severity: #error
Expression: "name.where(use = 'official').count() = 1 and name.where(use = 'official').all(family.exists() and given.count() = 1 and extension.where(url = 'https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name').count() = 1)"

Invariant: drimbox-ins-5
Description: "Le sexe est masculin, féminin ou inconnu"
Severity: #error
Expression: "gender = 'male' or gender = 'female' or gender = 'unknown'"

Invariant: drimbox-ins-6
Description: "Le lieu de naissance, par son code du COG"
Severity: #error
Expression: "extension.where(url = 'http://hl7.org/fhir/StructureDefinition/patient-birthPlace').count() = 1"

Invariant: drimbox-ins-7
Description: "La fiabilité de l'identité"
Severity: #error
Expression: "extension.where(url = 'https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability').extension.where(url = 'identityStatus').exists()"

Invariant: drimbox-ins-8
Description: "Un identifiant local a une valeur, et qui l'a donné"
Severity: #error
Expression: "identifier.where(type.coding.where(system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'PI').exists()).all(value.exists() and (system.exists() or assigner.exists()))"
