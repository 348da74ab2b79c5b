// Addresses of others, by the names that our files use.

Alias: $DCM = http://dicom.nema.org/resources/ontology/DCM
Alias: $DCMUID = http://dicom.nema.org/resources/ontology/DCMUID
Alias: $SCT = http://snomed.info/sct
Alias: $LOINC = http://loinc.org
Alias: $URI = urn:ietf:rfc:3986
Alias: $Confidentiality = http://terminology.hl7.org/CodeSystem/v3-Confidentiality
Alias: $V203 = http://terminology.hl7.org/CodeSystem/v2-0203
Alias: $FR203 = https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203
Alias: $ConnectionType = http://terminology.hl7.org/CodeSystem/endpoint-connection-type
Alias: $PayloadType = http://terminology.hl7.org/CodeSystem/endpoint-payload-type
Alias: $TREA00 = urn:oid:1.2.250.1.213.1.1.4.6
Alias: $TREA01 = https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice
Alias: $TREA05 = https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire
Alias: $TREA07 = https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument
Alias: $TRER02 = https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite
Alias: $Issue = https://drimbox.example/fhir/CodeSystem/drimbox-issue
