'use strict';

const WebSocket = require('ws');
const { url, ca, talk } = require('./contract.js');

const socket = new WebSocket(url, { ca });
const it = talk((text) => socket.send(text), () => socket.close(1000));
socket.on('message', (data, binary) => it.heard(binary ? data : data.toString()));
socket.on('close', (code) => it.closed(code));
