// The standard WebSocket: the one that comes with node, or undici's, which it is made of. The
// certificate comes by NODE_EXTRA_CA_CERTS.
'use strict';

const { url, talk } = require('./contract.js');

const Standard = process.env.STACK === 'undici' ? require('undici').WebSocket : WebSocket;
const socket = new Standard(url);
const it = talk((text) => socket.send(text), () => socket.close(1000));
socket.addEventListener('message', (event) => it.heard(event.data));
socket.addEventListener('close', (event) => it.closed(event.code));
