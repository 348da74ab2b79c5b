// What a viewer writes with dicomweb-client of dcmjs, unchanged: dicomweb_client.mjs URL TOKEN KIND…
//
// KIND is a JSON object {study, series, instance, mediaTypes}. Prints one JSON object: what each call
// gave, octets in base 64, and every Accept header that the client sent.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
globalThis.XMLHttpRequest = require('xhr2');
const { api } = require('dicomweb-client');

const [url, token, ...kinds] = process.argv.slice(2);
const accepts = [];
const setRequestHeader = XMLHttpRequest.prototype.setRequestHeader;
XMLHttpRequest.prototype.setRequestHeader = function note(name, value) {
  if (name.toLowerCase() === 'accept') accepts.push(value);
  return setRequestHeader.call(this, name, value);
};
const client = new api.DICOMwebClient({ url, headers: { Authorization: token } });
const base64 = (octets) => Buffer.from(octets).toString('base64');
// A picture comes in an array of one, whatever the documentation says.
const picture = ([octets]) => base64(octets);

const told = {};
for (const kind of kinds.map((text) => JSON.parse(text))) {
  const [studyInstanceUID, seriesInstanceUID] = [kind.study, kind.series];
  const ofSeries = { studyInstanceUID, seriesInstanceUID };
  const ofInstance = { ...ofSeries, sopInstanceUID: kind.instance };
  const { mediaTypes } = kind;
  told[kind.name] = {
    studies: await client.searchForStudies({ queryParams: { StudyInstanceUID: kind.study } }),
    series: await client.searchForSeries({ studyInstanceUID }),
    instances: await client.searchForInstances(ofSeries),
    metadata: await client.retrieveInstanceMetadata(ofInstance),
    seriesMetadata: await client.retrieveSeriesMetadata(ofSeries),
    object: base64(await client.retrieveInstance(ofInstance)),
    objects: (await client.retrieveSeries(ofSeries)).map(base64),
    frames: (
      await client.retrieveInstanceFrames({ ...ofInstance, frameNumbers: [1], mediaTypes })
    ).map(base64),
    decoded: (await client.retrieveInstanceFrames({ ...ofInstance, frameNumbers: [1] })).map(base64),
    picture: picture(
      await client.retrieveInstanceRendered({
        ...ofInstance,
        mediaTypes: [{ mediaType: 'image/png' }],
      }),
    ),
    framePicture: picture(
      await client.retrieveInstanceFramesRendered({
        ...ofInstance,
        frameNumbers: [1],
        mediaTypes: [{ mediaType: 'image/jpeg' }],
      }),
    ),
  };
}
process.stdout.write(JSON.stringify({ told, accepts: [...new Set(accepts)] }));
