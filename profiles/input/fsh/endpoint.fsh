// Where images are read, and where they are looked at.

Profile: DrimboxEndpointWado
Parent: Endpoint
Id: drimbox-endpoint-wado
Title: "WADO-RS de cette box"
Description: "La base DICOMweb de cette box ; les chemins WADO-RS se déduisent des UID. Les règles de MadoWadoEndpoint (IHE RAD MADO 0.1.0), sauf l'UID du lieu que les KOS français n'ont pas toujours."
* status = #active
* connectionType = $ConnectionType#dicom-wado-rs
* payloadType 1..1
* payloadMimeType 1..*
* obeys drimbox-wado-1 and drimbox-wado-2 and drimbox-wado-3 and drimbox-wado-4

Invariant: drimbox-wado-1
Description: "Une charge utile sans type, nommée DICOM WADO-RS (MADO)"
Severity: #error
Expression: "payloadType.all(text = 'DICOM WADO-RS' and coding.where(system = 'http://terminology.hl7.org/CodeSystem/endpoint-payload-type' and code = 'none').exists())"

Invariant: drimbox-wado-2
Description: "L'adresse est une base en HTTP, sans examen ni requête"
Severity: #error
Expression: "address.matches('^https?://[^?#]+$') and address.contains('/studies').not()"

Invariant: drimbox-wado-3
Description: "Un lieu, quand le KOS en nomme un, est un OID, et identifie la ressource"
Severity: #error
Expression: "extension.where(url = 'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension').count() <= 1 and (extension.where(url = 'https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension').empty() or identifier.where(system = 'urn:ietf:rfc:3986').exists(value.startsWith('urn:oid:')))"

Invariant: drimbox-wado-4
Description: "L'adresse s'ouvre avec le jeton de la recherche (SMART Imaging Access)"
Severity: #error
Expression: "extension.where(url = 'http://fhir.org/argonaut/smart-imaging/StructureDefinition/requires-access-token').exists(value = true)"

Profile: DrimboxEndpointViewer
Parent: Endpoint
Id: drimbox-endpoint-viewer
Title: "Visionneuse de cette box"
Description: "Une adresse à ouvrir dans un navigateur (IHE IID) ; elle ne porte ni INS ni UID."
* status = #active
* connectionType = $ConnectionType#ihe-iid
* payloadMimeType 1..1
* obeys drimbox-viewer-1 and drimbox-viewer-2 and drimbox-viewer-3

Invariant: drimbox-viewer-1
Description: "L'adresse est celle d'une page"
Severity: #error
Expression: "address.matches('^https?://[^#]+$')"

Invariant: drimbox-viewer-2
Description: "L'adresse ne porte ni INS ni UID"
Severity: #error
Expression: "address.matches('.*[0-9]{6}[0-9AB][0-9]{8}.*').not() and address.matches('.*[0-9]+([.][0-9]+){5,}.*').not()"

Invariant: drimbox-viewer-3
Description: "Ce qui s'y lit est une page"
Severity: #error
Expression: "payloadMimeType = 'text/html'"
