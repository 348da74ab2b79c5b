// What a page does with dwv, unchanged: dwv.mjs TOKEN REQUEST…
//
// REQUEST is a JSON object {name, url, accept: null or a string}. dwv takes no Accept of its own: what the
// page says chooses its loader (one object, a multipart of them, or WADO-URI by its contentType). Prints one
// JSON object: by name, for each image its UID, size and first frame in base 64; every Accept that was sent.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
globalThis.XMLHttpRequest = require('xhr2');
// What dwv asks of a browser besides: where its page is.
globalThis.window = { location: { href: 'http://localhost/', origin: 'http://localhost' } };
const { App, AppOptions } = await import('dwv');

const [token, ...requests] = process.argv.slice(2);
const accepts = [];
const send = XMLHttpRequest.prototype.send;
const setRequestHeader = XMLHttpRequest.prototype.setRequestHeader;
XMLHttpRequest.prototype.setRequestHeader = function note(name, value) {
  if (name.toLowerCase() === 'accept') this.accept = value;
  return setRequestHeader.call(this, name, value);
};
XMLHttpRequest.prototype.send = function note(body) {
  accepts.push(this.accept ?? null);
  return send.call(this, body);
};

function load({ url, accept }) {
  const requestHeaders = [{ name: 'Authorization', value: token }];
  if (accept !== null) requestHeaders.push({ name: 'Accept', value: accept });
  return new Promise((resolve, reject) => {
    const app = new App();
    app.init(new AppOptions({}));
    const items = [];
    app.addEventListener('error', (event) => reject(new Error(String(event.error))));
    app.addEventListener('loaditem', ({ data }) => items.push(data['00080018'].value[0]));
    app.addEventListener('load', ({ dataid }) => {
      const image = app.getImage(dataid);
      const size = image.getGeometry().getSize();
      const octets = (buffer) => Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      resolve({
        instances: items,
        columns: size.get(0),
        rows: size.get(1),
        pixels: octets(image.getBuffer()).toString('base64'),
      });
    });
    app.loadURLs([url], { requestHeaders });
  });
}

const told = {};
for (const { name, ...request } of requests.map((text) => JSON.parse(text))) {
  told[name] = await load(request);
}
process.stdout.write(JSON.stringify({ told, accepts }));
