// Medplum searches the resources that we send, by the published SearchParameters (spec/fhir.md 7.5).
//
// search_oracle.mjs DEFINITIONS PROFILES: one JSON request a line on stdin, one answer a line.
//   {"resources": [resource…]}          -> {"held": number}
//   {"search": "ImagingStudy?modality=CT"} -> {"ids": [id…]}

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import {
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  matchesSearchRequest,
  parseSearchRequest,
} from '@medplum/core';

const [definitions, profiles] = process.argv.slice(2);

function read(folder, kind) {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${kind}-`))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

function bundleOf(resources) {
  return { resourceType: 'Bundle', type: 'collection', entry: resources.map((resource) => ({ resource })) };
}

const base = read(definitions, 'StructureDefinition').filter((one) => one.derivation !== 'constraint');
indexStructureDefinitionBundle(base);
// The parameter of all resources has no type of its own before them; ours come last.
for (const folder of [definitions, profiles]) {
  indexSearchParameterBundle(bundleOf(read(folder, 'SearchParameter')));
}

let resources = [];

function answer(request) {
  if (request.resources) {
    resources = request.resources;
    return { held: resources.length };
  }
  const search = parseSearchRequest(request.search);
  const found = resources.filter((resource) => matchesSearchRequest(resource, search));
  return { ids: found.map((resource) => resource.id) };
}

function told(request) {
  try {
    return answer(request);
  } catch (error) {
    return { error: `${error.message ?? error}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(told(JSON.parse(line)))}\n`);
}
