// The DMP's metadata of a KOS: what IHE MHD 4.2.3 Comprehensive, PDSm 3.1.1 and IHE RAD MADO 0.1.0
// (MadoDicomKosDocumentReference) each require. Their packages are not read here: their rules are
// said again as cardinalities and, where they stand in slices or behind references, as invariants.

Profile: DrimboxDocumentReferenceKos
Parent: DocumentReference
Id: drimbox-document-reference-kos
Title: "Référence d'objets d'un examen d'imagerie (KOS)"
Description: "La fiche d'un KOS du DMP : MHD Comprehensive, PDSm et MADO à la fois."
// MHD Comprehensive
* contained 1..*
* modifierExtension 0..0
* masterIdentifier 1..1
* masterIdentifier.use 1..1
* masterIdentifier.use = #usual
* masterIdentifier.system 1..1
* masterIdentifier.value 1..1
* identifier 1..*
* docStatus 0..0
* type 1..1
* category 1..1
* subject 1..1
* subject only Reference(Patient)
* securityLabel 1..*
* securityLabel from DrimboxConfidentiality (extensible)
* content 1..1
* content.attachment.contentType 1..1
* content.attachment.contentType = #application/dicom
* content.attachment.language 1..1
* content.attachment.data 0..0
* content.attachment.url 1..1
* content.attachment.creation 1..1
* content.format 1..1
* context 1..1
* context.facilityType 1..1
* context.facilityType from DrimboxFacilityType (preferred)
* context.practiceSetting 1..1
* context.practiceSetting from DrimboxPracticeSetting (preferred)
* context.sourcePatientInfo 1..1
* context.related 1..*
// PDSm
* date 1..1
* author 1..*
* custodian 1..1
* content.attachment.size 1..1
* content.attachment.hash 1..1
* content.attachment.title 1..1
* context.period 1..1
* context.period.start 1..1
* obeys drimbox-mhd-1 and drimbox-mhd-2 and drimbox-mhd-3 and drimbox-mhd-4 and drimbox-mhd-5
    and drimbox-pdsm-1 and drimbox-pdsm-2 and drimbox-pdsm-3 and drimbox-pdsm-4
    and drimbox-mado-1 and drimbox-mado-2 and drimbox-mado-3 and drimbox-mado-4
    and drimbox-mado-5 and drimbox-mado-6 and drimbox-kos-1 and drimbox-kos-2

Invariant: drimbox-mhd-1
Description: "MHD : le document est en vigueur ou remplacé"
Severity: #error
Expression: "status = 'current' or status = 'superseded'"

Invariant: drimbox-mhd-2
Description: "MHD : masterIdentifier est un UniqueIdIdentifier (RFC 3986, usage usual)"
Severity: #error
Expression: "masterIdentifier.use = 'usual' and masterIdentifier.system = 'urn:ietf:rfc:3986' and masterIdentifier.value.exists()"

Invariant: drimbox-mhd-3
Description: "MHD : un entryUUID d'usage official, en urn:uuid:, de type entryUUID"
Severity: #error
Expression: "identifier.where(use = 'official').count() = 1 and identifier.where(use = 'official').all(system = 'urn:ietf:rfc:3986' and value.matches('^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') and type.coding.where(code = 'entryUUID').exists())"

Invariant: drimbox-mhd-4
Description: "MHD Comprehensive : auteurs, authentificateur et patient de la source sont contenus"
Severity: #error
Expression: "author.all(reference.startsWith('#')) and authenticator.all(reference.startsWith('#')) and context.sourcePatientInfo.all(reference.startsWith('#'))"

Invariant: drimbox-mhd-5
Description: "MHD : l'empreinte est le SHA-1 en base64 de ses vingt octets"
Severity: #error
Expression: "content.attachment.hash.all($this.toString().matches('^[A-Za-z0-9+/]{27}=$'))"

Invariant: drimbox-pdsm-1
Description: "PDSm : un auteur est une personne, un dispositif ou un patient, jamais une structure seule"
Severity: #error
Expression: "contained.where($this is Organization).select('#' + id).intersect(%resource.author.reference).empty()"

Invariant: drimbox-pdsm-2
Description: "PDSm : isArchived, quand il est dit, l'est une fois"
Severity: #error
Expression: "extension.where(url = 'https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived').count() <= 1"

Invariant: drimbox-pdsm-3
Description: "PDSm : l'UID d'examen de referenceIdList, nu et sans autorité"
Severity: #error
Expression: "context.related.identifier.where(type.coding.where(system = 'urn:ietf:rfc:3986' and code = 'urn:ihe:iti:xds:2016:studyInstanceUID').exists()).count() = 1 and context.related.identifier.where(type.coding.where(system = 'urn:ietf:rfc:3986' and code = 'urn:ihe:iti:xds:2016:studyInstanceUID').exists()).all(system.empty() and value.matches('^[0-9]+([.][0-9]+)*$'))"

Invariant: drimbox-pdsm-4
Description: "PDSm : le document est en français (langue fr-FR)"
Severity: #error
Expression: "content.attachment.language = 'fr-FR'"

Invariant: drimbox-mado-1
Description: "MADO : masterIdentifier est répété dans identifier (mado-docref-1)"
Severity: #error
Expression: "identifier.where(value = %resource.masterIdentifier.value and system = %resource.masterIdentifier.system).exists()"

Invariant: drimbox-mado-2
Description: "MADO : une modalité au moins, par l'extension reprise de R5"
Severity: #error
Expression: "extension.where(url = 'http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.modality').exists()"

Invariant: drimbox-mado-3
Description: "MADO : le format KOS, son système et son libellé exact"
Severity: #error
Expression: "content.format.system = 'http://dicom.nema.org/resources/ontology/DCMUID' and content.format.code = '1.2.840.10008.5.1.4.1.1.88.59' and content.format.display = 'Key Object Selection Document'"

Invariant: drimbox-mado-4
Description: "MADO : l'UID d'examen, une fois, de type DCM 110180 et de système urn:dicom:uid"
Severity: #error
Expression: "context.related.identifier.where(type.coding.where(system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '110180').exists()).count() = 1 and context.related.identifier.where(type.coding.where(system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '110180').exists()).all(system = 'urn:dicom:uid' and value.startsWith('urn:oid:'))"

Invariant: drimbox-mado-5
Description: "MADO : un numéro d'accession est du type ACSN et du type DCM 121022"
Severity: #error
Expression: "context.related.identifier.where(type.coding.where(code = 'ACSN' or code = '121022').exists()).all(value.exists() and type.coding.where(system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'ACSN').exists() and type.coding.where(system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '121022').exists())"

Invariant: drimbox-mado-6
Description: "Les deux formes de l'UID d'examen (PDSm et MADO) disent le même"
Severity: #error
Expression: "context.related.identifier.where(system = 'urn:dicom:uid').value = 'urn:oid:' + context.related.identifier.where(type.coding.where(code = 'urn:ihe:iti:xds:2016:studyInstanceUID').exists()).value"

Invariant: drimbox-kos-1
Description: "Le type est IMG-KOS, et le manifeste d'imagerie de LOINC que l'Europe attend"
Severity: #error
Expression: "type.coding.where(code = 'IMG-KOS' and system = 'https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire').exists() and type.coding.where(code = '18748-4' and system = 'http://loinc.org').exists()"

Invariant: drimbox-kos-2
Description: "Le patient est une ressource, jamais un numéro : l'INS ne circule pas sans ses traits"
Severity: #error
Expression: "subject.reference.exists() and subject.identifier.empty()"
