// What was submitted together: MHD Comprehensive SubmissionSet.

Alias: $ListTypes = https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes

Profile: DrimboxSubmissionSet
Parent: List
Id: drimbox-submission-set
Title: "Lot de documents d'imagerie"
Description: "Un lot du DMP et ses documents d'imagerie. Les règles de MHD Comprehensive SubmissionSet (IHE MHD 4.2.3), dont la source contenue."
* contained 1..*
* identifier 2..*
* mode = #working
* code 1..1
* code = $ListTypes#submissionset
* subject 1..1
* subject only Reference(Patient)
* encounter 0..0
* date 1..1
* source 1..1
* orderedBy 0..0
* note 0..1
* entry 1..*
* entry.flag 0..0
* entry.deleted 0..0
* entry.date 0..0
* emptyReason 0..0
* obeys drimbox-set-1 and drimbox-set-2 and drimbox-set-3 and drimbox-set-4 and drimbox-set-5

Invariant: drimbox-set-1
Description: "Un uniqueId, usuel, et un entryUUID, officiel (MHD)"
Severity: #error
Expression: "identifier.where(use = 'usual' and system = 'urn:ietf:rfc:3986').exists(value.startsWith('urn:oid:')) and identifier.where(use = 'official' and system = 'urn:ietf:rfc:3986').exists(value.startsWith('urn:uuid:'))"

Invariant: drimbox-set-2
Description: "Le système qui a soumis le lot : un sourceId, un OID (MHD)"
Severity: #error
Expression: "extension.where(url = 'https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId').count() = 1 and extension.where(url = 'https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId').value.value.startsWith('urn:oid:')"

Invariant: drimbox-set-3
Description: "Un contentTypeCode (MHD)"
Severity: #error
Expression: "extension.where(url = 'https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType').count() = 1"

Invariant: drimbox-set-4
Description: "La source est contenue (MHD)"
Severity: #error
Expression: "source.reference.startsWith('#')"

Invariant: drimbox-set-5
Description: "Chaque entrée est un document"
Severity: #error
Expression: "entry.item.all(reference.startsWith('DocumentReference/'))"
