'use strict';

const { client: Client } = require('websocket');
const { url, ca, talk } = require('./contract.js');

const client = new Client({ tlsOptions: { ca } });
client.on('connect', (socket) => {
  const it = talk((text) => socket.sendUTF(text), () => socket.close(1000));
  socket.on('message', (message) => it.heard(message.utf8Data));
  socket.on('close', (code) => it.closed(code));
});
client.on('connectFailed', (error) => {
  throw error;
});
client.connect(url);
