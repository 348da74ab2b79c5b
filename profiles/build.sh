#!/usr/bin/env bash
# build.sh FOLDER: compile our FSH into FOLDER. Reads node_modules here, nothing of the network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# SUSHI looks for R4 in its package cache, where it follows no link; the npm package of the
# examples holds all definitions.
core="$work/user/.fhir/packages/hl7.fhir.r4.core#4.0.1"
mkdir -p "$core/package" "$work/ig"
find "$here/node_modules/hl7.fhir.r4.examples" -maxdepth 1 -name '*.json' \
    \( -name 'StructureDefinition-*' -o -name 'ValueSet-*' -o -name 'CodeSystem-*' \) \
    -exec cp --reflink=auto -t "$core/package" {} +
echo '{"name": "hl7.fhir.r4.core", "version": "4.0.1", "fhirVersions": ["4.0.1"]}' \
    >"$core/package/package.json"
cp -r "$here/sushi-config.yaml" "$here/input" "$work/ig"

log="$work/sushi.log"
# Port 9 refuses: what is not here is an error, not a download.
nowhere=http://127.0.0.1:9
if ! HOME="$work/user" FPL_REGISTRY=$nowhere npm_config_registry=$nowhere \
    npm_config_fetch_retries=0 npm_config_update_notifier=false \
    "$here/node_modules/.bin/sushi" build --snapshot "$work/ig" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
rm -f "$folder"/{CodeSystem,StructureDefinition,ValueSet}-*.json
cp "$work/ig/fsh-generated/resources/"*.json "$folder"
