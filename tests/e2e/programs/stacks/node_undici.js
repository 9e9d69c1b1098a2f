'use strict';

globalThis.WebSocket = require('undici').WebSocket;
require('./node_standard.js');
