// The standard WebSocket, as in browsers. The certificate comes by NODE_EXTRA_CA_CERTS.
'use strict';

const { url, talk } = require('./contract.js');

const socket = new WebSocket(url);
const it = talk((text) => socket.send(text), () => socket.close(1000));
socket.addEventListener('message', (event) => it.heard(event.data));
socket.addEventListener('close', (event) => it.closed(event.code));
