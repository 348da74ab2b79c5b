// An exam as its manifest (KOS) tells it: the rules of IHE RAD MADO 0.1.0 for MadoImagingStudy,
// and those of FR Document Core for the identifiers.

Profile: DrimboxImagingStudy
Parent: ImagingStudy
Id: drimbox-imaging-study
Title: "Examen d'imagerie d'un manifeste"
Description: "Ce que le KOS d'un examen dit de ses séries et de ses objets, et où les lire en DICOMweb."
* identifier 1..*
* identifier ^slicing.discriminator.type = #value
* identifier ^slicing.discriminator.path = "system"
* identifier ^slicing.rules = #open
* identifier contains studyInstanceUid 0..1
* identifier[studyInstanceUid].system 1..1
* identifier[studyInstanceUid].system = "urn:dicom:uid"
* identifier[studyInstanceUid].value 1..1
* modality 1..*
* modality from DrimboxModality (extensible)
* subject only Reference(Patient)
* numberOfSeries 1..1
* numberOfInstances 1..1
* series.numberOfInstances 1..1
* series.modality from DrimboxModality (extensible)
* series.endpoint 1..*
* obeys drimbox-study-1 and drimbox-study-2 and drimbox-study-3 and drimbox-study-4
    and drimbox-study-5 and drimbox-study-6 and drimbox-study-7 and drimbox-study-8
    and drimbox-study-9 and drimbox-study-10

Invariant: drimbox-study-1
Description: "Un UID d'examen, écrit urn:oid:, de type DCM 110180 (MADO, FR Document Core)"
Severity: #error
Expression: "identifier.where(system = 'urn:dicom:uid').count() = 1 and identifier.where(system = 'urn:dicom:uid').all(value.startsWith('urn:oid:') and type.coding.where(system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '110180').exists())"

Invariant: drimbox-study-2
Description: "Un numéro d'accession est du type ACSN et du type DCM 121022"
Severity: #error
Expression: "basedOn.identifier.where(type.coding.where(code = 'ACSN' or code = '121022').exists()).all(value.exists() and type.coding.where(system = 'http://terminology.hl7.org/CodeSystem/v2-0203' and code = 'ACSN').exists() and type.coding.where(system = 'http://dicom.nema.org/resources/ontology/DCM' and code = '121022').exists())"

Invariant: drimbox-study-3
Description: "Autant de séries qu'annoncé, quand elles sont écrites"
Severity: #error
Expression: "series.empty() or series.count() = numberOfSeries"

Invariant: drimbox-study-4
Description: "Autant d'objets par série qu'annoncé, quand ils sont écrits"
Severity: #error
Expression: "series.all(instance.empty() or instance.count() = numberOfInstances)"

Invariant: drimbox-study-5
Description: "Les modalités de l'examen sont celles de ses séries, sauf OT : inconnue"
Severity: #error
Expression: "series.modality.code.where($this != 'OT').subsetOf(%resource.modality.code)"

Invariant: drimbox-study-6
Description: "Chaque série dit où ses images se lisent : une ressource Endpoint (MADO)"
Severity: #error
Expression: "series.all(endpoint.exists() and endpoint.all(reference.exists() and reference.contains('Endpoint/')))"

Invariant: drimbox-study-7
Description: "Les UID de séries et d'objets sont nus ; la SOP Class est un urn:oid:"
Severity: #error
Expression: "series.all(uid.matches('^[0-9]+([.][0-9]+)*$') and instance.all(uid.matches('^[0-9]+([.][0-9]+)*$') and sopClass.system = 'urn:ietf:rfc:3986' and sopClass.code.startsWith('urn:oid:')))"

Invariant: drimbox-study-8
Description: "Un acte a un texte ou un libellé (MADO)"
Severity: #error
Expression: "procedureCode.all(text.exists() or coding.display.exists())"

Invariant: drimbox-study-9
Description: "Le patient est une ressource, jamais un numéro : l'INS ne circule pas sans ses traits"
Severity: #error
Expression: "subject.reference.exists() and subject.identifier.empty()"

Invariant: drimbox-study-10
Description: "Un code de modalité est de DICOM"
Severity: #error
Expression: "modality.all(system = 'http://dicom.nema.org/resources/ontology/DCM') and series.modality.all(system = 'http://dicom.nema.org/resources/ontology/DCM')"
