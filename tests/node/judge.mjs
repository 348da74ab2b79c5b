// A second and a third reader of what we send: Medplum judges resources, npm fhir reads our XML.
//
// judge.mjs DEFINITIONS PROFILES: one JSON request a line on stdin, one answer a line on stdout.
//   {"judge": resource, "profiles": [url…]}  -> {"faults": [text…]}
//   {"xml": text}                            -> {"json": resource}

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import fhirModule from 'fhir';

const [definitions, profiles] = process.argv.slice(2);
const { Fhir } = fhirModule;
// Medplum takes what precedes the first slash for a type, which no urn:uuid: of a Bundle has.
const UNREAD_REFERENCE = /^warning: Invalid reference: got "urn:uuid:/;

function read(folder, keep) {
  return readdirSync(folder)
    .filter((name) => name.startsWith('StructureDefinition-') && keep(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
}

const base = read(definitions, () => true).filter((one) => one.derivation !== 'constraint');
const ours = read(profiles, () => true);
indexStructureDefinitionBundle(base);
const profileOf = new Map(ours.map((one) => [one.url, one]));
const fhir = new Fhir();

function faultsOf(resource, profile) {
  try {
    return validateResource(resource, profile ? { profile } : undefined)
      .map(told)
      .filter((fault) => !UNREAD_REFERENCE.test(fault));
  } catch (error) {
    if (!error.outcome) {
      throw error;
    }
    return error.outcome.issue.map(told);
  }
}

function told(issue) {
  return `${issue.severity}: ${issue.details?.text ?? issue.code} (${(issue.expression ?? []).join(', ')})`;
}

function answer(request) {
  if (request.xml !== undefined) {
    return { json: fhir.xmlToObj(request.xml) };
  }
  const claimed = request.profiles.map((url) => profileOf.get(url));
  return { faults: [undefined, ...claimed].flatMap((one) => faultsOf(request.judge, one)) };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
