// What every program here does, for those in JavaScript: see README.md beside it.
'use strict';

const { readFileSync } = require('node:fs');

const [url, room, text, times, caFile] = process.argv.slice(2);

function talk(send, done) {
  const payloads = { small: text, large: text.repeat(Number(times)) };
  const waiting = Object.keys(payloads);
  const result = {};
  return {
    heard(message) {
      if (typeof message !== 'string') throw new Error('JSON comes as text');
      if (message.includes('"type":"welcome"')) {
        send(`{"type":"join","room":"${room}","id":1}`);
        return;
      }
      if (message.includes('"type":"room_message"')) {
        const name = waiting.shift();
        result[name] = message.includes(`"payload":"${payloads[name]}"`);
      } else if (!message.includes('"id":1')) {
        return;
      }
      if (waiting.length === 0) {
        done();
        return;
      }
      send(`{"type":"room_message","room":"${room}","payload":"${payloads[waiting[0]]}"}`);
    },
    closed(code) {
      console.log(JSON.stringify({ ...result, code }));
    },
  };
}

module.exports = { url, ca: caFile && readFileSync(caFile), talk };
