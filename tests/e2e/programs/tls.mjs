// npm ws over TLS: joins, sends large and small messages, hears them all again.
// Usage: node tls.mjs URL CA_FILE TLS_VERSION
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import WebSocket from 'ws';

const [url, caFile, version] = process.argv.slice(2);
const socket = new WebSocket(`${url}?token=node`, {
  ca: readFileSync(caFile),
  minVersion: version,
  maxVersion: version,
});
const payloads = [];
for (let i = 0; i < 20; i += 1) payloads.push(String(i).padEnd(60000, 'x'));
for (let i = 0; i < 500; i += 1) payloads.push(`small ${i}`);

let heard = 0;
socket.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
socket.on('open', () => {
  assert.equal(socket._socket.getProtocol(), version);
  socket.send(JSON.stringify({ type: 'join', room: `node-${version}`, id: 1 }));
});
socket.on('message', (data) => {
  const message = JSON.parse(data.toString());
  assert.notEqual(message.type, 'error', JSON.stringify(message));
  if (message.id === 1) {
    for (const payload of payloads) {
      socket.send(JSON.stringify({ type: 'room_message', room: `node-${version}`, payload }));
    }
  }
  if (message.type === 'room_message') {
    assert.equal(message.payload, payloads[heard]);
    heard += 1;
    if (heard === payloads.length) socket.close(1000);
  }
});
socket.on('close', (code) => {
  assert.equal(code, 1000);
  assert.equal(heard, payloads.length);
  console.log('DONE');
});
