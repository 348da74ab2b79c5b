// What an integrator writes with fhir-kit-client, unchanged: fhir_kit_client.mjs BASE TOKEN PATIENT.
//
// Prints one JSON object: what each call of the client gave.

import { Client } from 'fhir-kit-client';

const [baseUrl, token, patient] = process.argv.slice(2);
const client = new Client({ baseUrl });
client.bearerToken = token;

const statement = await client.capabilityStatement();
const smart = await client.smartAuthMetadata();

const pages = [];
let page = await client.search({
  resourceType: 'ImagingStudy',
  searchParams: { patient, _count: '1', _include: 'ImagingStudy:endpoint' },
});
while (page) {
  pages.push(page.entry.filter((one) => one.search.mode === 'match').map((one) => one.resource.id));
  page = await client.nextPage({ bundle: page });
}

const posted = await client.search({
  resourceType: 'DocumentReference',
  searchParams: { patient, status: 'current' },
  options: { postSearch: true },
});
const study = await client.read({ resourceType: 'ImagingStudy', id: pages[0][0] });
const subject = await client.resolve({ reference: study.subject.reference, context: study });
const endpoint = await client.resolve({ reference: study.endpoint[0].reference, context: study });
const missing = await client
  .read({ resourceType: 'ImagingStudy', id: '1.2.3' })
  .catch((error) => ({ status: error.response.status, outcome: error.response.data }));

const told = {
  fhirVersion: statement.fhirVersion,
  tokenUrl: smart.tokenUrl?.toString(),
  pages,
  posted: posted.total,
  subject: subject.resourceType,
  address: endpoint.address,
  missing,
};
process.stdout.write(JSON.stringify(told));
