'use strict';

const { Client } = require('faye-websocket');
const { url, ca, talk } = require('./contract.js');

const socket = new Client(url, [], { ca });
const it = talk((text) => socket.send(text), () => socket.close(1000));
socket.on('message', (event) => it.heard(event.data));
socket.on('close', (event) => it.closed(event.code));
