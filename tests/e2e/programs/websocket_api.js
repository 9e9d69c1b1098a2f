// What the WebSocket API of the web platform promises, tried against echo servers. Each test either
// throws what went wrong or gives back what is to be the same with every server. The results go to
// POST /result. The servers are in the query: ?name=url&name=url, their message limit in ?limit.
'use strict';

const PATIENCE_MS = 20000;
const tests = {};

const equal = (got, wanted, what) => {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what || 'value'}: ${String(a).slice(0, 120)} instead of ${String(b).slice(0, 120)}`);
};

const thrown = (call) => {
  try {
    call();
  } catch (error) {
    return error.name;
  }
  return 'nothing';
};

const event = (target, name) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no ${name} event`)), PATIENCE_MS);
  target.addEventListener(name, (e) => {
    clearTimeout(timer);
    resolve(e);
  }, { once: true });
});

const opened = async (url, protocols) => {
  const socket = protocols === undefined ? new WebSocket(url) : new WebSocket(url, protocols);
  const closed = event(socket, 'close');
  closed.catch(() => {});
  await Promise.race([event(socket, 'open'), closed.then((e) => { throw new Error(`closed with ${e.code}`); })]);
  socket.closed = closed;
  return socket;
};

// The close event as plain values.
const end = async (socket, ...how) => {
  const closed = event(socket, 'close');
  socket.close(...how);
  const { code, reason, wasClean } = await closed;
  return { code, reason, wasClean };
};

const echoed = async (socket, data) => {
  const heard = event(socket, 'message');
  socket.send(data);
  return (await heard).data;
};

const pattern = (n) => {
  const bytes = new Uint8Array(n);
  for (let i = 0; i < n; i += 1) bytes[i] = (i * 7 + (i >> 8) * 13) & 255;
  return bytes;
};

const sameBytes = (buffer, wanted) => {
  const got = new Uint8Array(buffer);
  equal(got.length, wanted.length, 'length');
  for (let i = 0; i < got.length; i += 1) if (got[i] !== wanted[i]) throw new Error(`byte ${i} differs`);
};

// --- construction ---------------------------------------------------------------------------------

tests['constructor: schemes, fragments and what is no URL'] = async (url) => {
  const rows = [`${url}#`, `${url}#x`, 'mailto:a@b', 'ftp://127.0.0.1/', 'ws://', 'ws://127.0.0.1:99999/', 'about:blank'];
  for (const row of rows) equal(thrown(() => new WebSocket(row)), 'SyntaxError', row);
  equal(thrown(() => new WebSocket()), 'TypeError', 'no argument');
  equal(thrown(() => WebSocket(url)), 'TypeError', 'without new');
};

tests['constructor: sub-protocols that are no tokens, or twice there'] = async (url) => {
  const bad = ['', ' ', 'a b', 'a,b', 'a/b', 'a(b', 'a)b', 'a<b', 'a@b', 'a"b', 'a\\b', 'a:b', 'a;b', 'a[b', 'a]b',
    'a?b', 'a=b', 'a{b', 'a}b', 'a\tb', 'a\x7fb', 'a\u00e9'];
  for (const row of bad) equal(thrown(() => new WebSocket(url, row)), 'SyntaxError', JSON.stringify(row));
  equal(thrown(() => new WebSocket(url, ['a', 'a'])), 'SyntaxError', 'twice');
  equal(thrown(() => new WebSocket(url, ['a', ''])), 'SyntaxError', 'an empty one');
};

tests['url, constants and first values'] = async (url) => {
  const socket = new WebSocket(url);
  equal(socket.url, url);
  equal([socket.readyState, socket.bufferedAmount, socket.protocol, socket.extensions, socket.binaryType],
    [0, 0, '', '', 'blob']);
  equal([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3]);
  equal(thrown(() => socket.send('early')), 'InvalidStateError');
  await event(socket, 'open');
  equal(socket.readyState, 1);
  equal((await end(socket)).code, 1005);
  equal(socket.readyState, 3);
};

tests['protocol: the first that is offered'] = async (url) => {
  const chosen = [];
  for (const offer of ['chat', ['superchat'], ['one', 'two', 'three'], ["!#$%&'*+-.^_`|~09AZaz"], []]) {
    const socket = await opened(url, offer);
    chosen.push(socket.protocol);
    await end(socket, 1000);
    equal(socket.protocol, chosen[chosen.length - 1], 'after the end');
  }
  equal(chosen, ['chat', 'superchat', 'one', "!#$%&'*+-.^_`|~09AZaz", '']);
};

tests['extensions: compression, by its name'] = async (url) => {
  const socket = await opened(url);
  const name = socket.extensions.split(';')[0];
  await end(socket);
  equal(name, 'permessage-deflate');
};

tests['a path and a query'] = async (url) => {
  const socket = await opened(`${url}?a=b&c=%20d`);
  equal(await echoed(socket, 'x'), 'x');
  await end(socket);
};

// --- messages -------------------------------------------------------------------------------------

tests['text: lengths'] = async (url) => {
  const socket = await opened(url);
  for (const n of [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20]) {
    const text = 'a\u00e9'.repeat(n).slice(0, n);
    if (await echoed(socket, text) !== text) throw new Error(`length ${n}`);
  }
  return end(socket, 1000);
};

tests['text: characters of every length, surrogates alone and in pairs'] = async (url) => {
  const socket = await opened(url);
  const rows = ['\u0000', '\u007f\u0080\u07ff\u0800\uffff', '\ud83d\ude00', '\ufeff', '\u2028', 'null'];
  for (const row of rows) equal(await echoed(socket, row), row);
  equal(await echoed(socket, 'a\ud800b'), 'a\ufffdb');
  equal(await echoed(socket, '\udc00'), '\ufffd');
  equal(await echoed(socket, '\udc00\ud800'), '\ufffd\ufffd');
  equal(await echoed(socket, null), 'null');
  equal(await echoed(socket, 1), '1');
  return end(socket, 1000);
};

tests['binary: array buffers, views and blobs, received as either'] = async (url) => {
  const socket = await opened(url);
  for (const n of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    const bytes = pattern(n);
    const wide = pattern(n + 8);
    for (const [data, wanted] of [[bytes.buffer, bytes], [new Blob([bytes]), bytes],
      [wide.subarray(4, n + 4), wide.slice(4, n + 4)], [new DataView(wide.buffer, 8, n), wide.slice(8)]]) {
      socket.binaryType = 'arraybuffer';
      const buffer = await echoed(socket, data);
      equal(buffer instanceof ArrayBuffer, true);
      sameBytes(buffer, wanted);
      socket.binaryType = 'blob';
      const blob = await echoed(socket, data);
      equal(blob instanceof Blob, true);
      sameBytes(await blob.arrayBuffer(), wanted);
    }
  }
  return end(socket, 1000);
};

tests['binaryType: what is no such type changes nothing'] = async (url) => {
  const socket = await opened(url);
  socket.binaryType = 'arraybuffer';
  for (const bad of ['', 'Blob', 'text', null]) socket.binaryType = bad;
  equal(socket.binaryType, 'arraybuffer');
  return end(socket);
};

tests['bufferedAmount counts bytes, at once, and goes down'] = async (url) => {
  const socket = await opened(url);
  const heard = event(socket, 'message');
  socket.send('a\u00e9\u20ac');
  equal(socket.bufferedAmount, 6);
  await heard;
  equal(socket.bufferedAmount, 0);
  const three = new Promise((resolve) => {
    let n = 0;
    socket.onmessage = () => { n += 1; if (n === 3) resolve(); };
  });
  socket.send(new Uint8Array(1000));
  socket.send(new ArrayBuffer(500));
  socket.send(new Blob([new Uint8Array(250)]));
  equal(socket.bufferedAmount, 1750);
  await three;
  equal(socket.bufferedAmount, 0);
  const closed = end(socket, 1000);
  socket.send('never');
  equal(socket.bufferedAmount, 5, 'after close()');
  const result = await closed;
  socket.send('12');
  equal(socket.bufferedAmount, 7, 'after the end');
  return result;
};

tests['a thousand messages in order'] = async (url) => {
  const socket = await opened(url);
  const all = new Promise((resolve, reject) => {
    let next = 0;
    socket.onmessage = (e) => {
      if (e.data !== `message ${next}`) reject(new Error(`${e.data} instead of ${next}`));
      next += 1;
      if (next === 1000) resolve();
    };
    socket.onclose = () => reject(new Error('closed'));
  });
  for (let i = 0; i < 1000; i += 1) socket.send(`message ${i}`);
  await all;
  return end(socket, 1000);
};

tests['compressed both ways: what packs well and what does not'] = async (url) => {
  const socket = await opened(url);
  socket.binaryType = 'arraybuffer';
  const prose = 'The same words again, and again. '.repeat(8000);
  const noise = new Uint8Array(65536);
  crypto.getRandomValues(noise);
  for (let i = 0; i < 5; i += 1) {
    equal((await echoed(socket, prose)) === prose, true, 'prose');
    sameBytes(await echoed(socket, noise), noise);
    equal(await echoed(socket, `short ${i}`), `short ${i}`);
  }
  return end(socket, 1000);
};

tests['a message event names its origin'] = async (url) => {
  const socket = await opened(url);
  const heard = event(socket, 'message');
  socket.send('x');
  const { origin, type, bubbles, cancelable } = await heard;
  equal([origin, type, bubbles, cancelable], [new URL(url).origin, 'message', false, false]);
  return end(socket);
};

// --- closing --------------------------------------------------------------------------------------

tests['close: codes that may be given'] = async (url) => {
  const ends = [];
  for (const code of [1000, 3000, 3999, 4000, 4999]) ends.push(await end(await opened(url), code));
  equal(ends.map((e) => [e.code, e.wasClean]), [1000, 3000, 3999, 4000, 4999].map((c) => [c, true]));
  return ends;
};

tests['close: codes that may not'] = async (url) => {
  const socket = await opened(url);
  for (const code of [0, 1, 999, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 5000, 65535, 65536 + 999]) {
    equal(thrown(() => socket.close(code)), 'InvalidAccessError', `code ${code}`);
  }
  equal(socket.readyState, 1);
  equal(await echoed(socket, 'still there'), 'still there');
  return end(socket, 1000);
};

tests['close: reasons up to 123 bytes come back'] = async (url) => {
  const rows = ['', 'why', 'x'.repeat(123), '\u20ac'.repeat(41), '\u0000', 'a\ud800', '\ud83d\ude00'];
  const ends = [];
  for (const row of rows) ends.push(await end(await opened(url), 1000, row));
  equal(ends.map((e) => e.reason), rows.map((r) => r.replace('a\ud800', 'a\ufffd')));
  const socket = await opened(url);
  for (const long of ['x'.repeat(124), '\u20ac'.repeat(42), '\ud800'.repeat(42)]) {
    equal(thrown(() => socket.close(1000, long)), 'SyntaxError');
  }
  ends.push(await end(socket, 3001, 'end'));
  return ends;
};

tests['close: without a code'] = async (url) => {
  const ends = [await end(await opened(url)), await end(await opened(url), undefined)];
  equal(ends, [0, 1].map(() => ({ code: 1005, reason: '', wasClean: true })));
  return ends;
};

tests['close: while connecting'] = async (url) => {
  const socket = new WebSocket(url);
  const failed = event(socket, 'error');
  const closed = event(socket, 'close');
  socket.onopen = () => { throw new Error('open'); };
  socket.close();
  equal(socket.readyState, 2);
  await failed;
  const { code, reason, wasClean } = await closed;
  // Firefox, whose network is another process, says the second when the answer was there already.
  const tooLate = code === 1005;
  equal([code, reason, wasClean, socket.readyState], [tooLate ? 1005 : 1006, '', tooLate, 3]);
};

tests['close: twice, and after the end'] = async (url) => {
  const socket = await opened(url);
  const first = end(socket, 3000, 'first');
  socket.close(3001, 'second');
  equal(socket.readyState, 2);
  const result = await first;
  socket.close(3002);
  equal(socket.readyState, 3);
  equal(result.code, 3000);
  return result;
};

tests['close: what was sent before it is delivered, and what comes meanwhile is heard'] = async (url) => {
  const socket = await opened(url);
  const log = [];
  for (const name of ['message', 'error', 'close']) {
    socket.addEventListener(name, (e) => log.push(`${name} ${socket.readyState} ${e.data ? e.data.length : ''}`));
  }
  const text = 'y'.repeat(100000);
  for (let i = 0; i < 5; i += 1) socket.send(text);
  const result = await end(socket, 1000);
  equal(log[log.length - 1], 'close 3 ');
  equal(log.some((line) => line.startsWith('error')), false, 'an error event');
  return result;
};

tests['close: in the handler of a message'] = async (url) => {
  const socket = await opened(url);
  const closed = event(socket, 'close');
  let after = 0;
  socket.onmessage = () => {
    after += 1;
    socket.close(1000, 'heard');
  };
  socket.send('1');
  const { code, reason, wasClean } = await closed;
  equal(after, 1);
  return { code, reason, wasClean };
};

tests['events: open, messages, close, in this order, by handlers and listeners'] = async (url) => {
  const socket = new WebSocket(url);
  const log = [];
  for (const name of ['open', 'message', 'error', 'close']) {
    socket[`on${name}`] = (e) => log.push(`on${e.type} ${socket.readyState}`);
    socket.addEventListener(name, (e) => log.push(`${e.type} ${e instanceof (name === 'close' ? CloseEvent : Event)}`));
  }
  await event(socket, 'open');
  await echoed(socket, 'x');
  await end(socket, 1000);
  equal(log, ['onopen 1', 'open true', 'onmessage 1', 'message true', 'onclose 3', 'close true']);
};

tests['a message above the limit of the server ends with 1009'] = async (url, limit) => {
  const socket = await opened(url);
  const text = 'z'.repeat(limit);
  equal((await echoed(socket, text)).length, limit);
  const closed = event(socket, 'close');
  socket.send(`${text}z`);
  equal((await closed).code, 1009);
};

tests['nobody there: error, then close with 1006'] = async () => {
  const socket = new WebSocket('ws://127.0.0.1:1/');
  const failed = event(socket, 'error');
  const closed = event(socket, 'close');
  await failed;
  const { code, reason, wasClean } = await closed;
  equal([code, reason, wasClean], [1006, '', false]);
};

tests['not a WebSocket there: error, then close with 1006'] = async () => {
  const socket = new WebSocket(`ws://${window.location.host}/`);
  const failed = event(socket, 'error');
  const closed = event(socket, 'close');
  await failed;
  equal((await closed).code, 1006);
};

// --- many, and leaving ----------------------------------------------------------------------------

tests['sixty sockets at once'] = async (url) => {
  const sockets = await Promise.all(Array.from({ length: 60 }, () => opened(url)));
  const heard = await Promise.all(sockets.map((socket, i) => echoed(socket, `socket ${i}`)));
  equal(heard, sockets.map((_, i) => `socket ${i}`));
  const ends = await Promise.all(sockets.map((socket, i) => end(socket, 3000 + i)));
  equal(ends.map((e) => e.code), sockets.map((_, i) => 3000 + i));
};

tests['a document that goes away takes its sockets along and disturbs no other'] = async (url) => {
  const other = await opened(url);
  for (const leave of ['remove', 'navigate']) {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const socket = new frame.contentWindow.WebSocket(url);
    await event(socket, 'open');
    if (leave === 'remove') {
      frame.remove();
    } else {
      const loaded = event(frame, 'load');
      frame.src = 'about:blank?next';
      await loaded;
      frame.remove();
    }
    equal(await echoed(other, 'there'), 'there');
  }
  return end(other, 1000);
};

// --------------------------------------------------------------------------------------------------

const runAll = async () => {
  const query = new URLSearchParams(window.location.search);
  const limit = Number(query.get('limit'));
  query.delete('limit');
  const results = { agent: navigator.userAgent, servers: {} };
  for (const [name, url] of query) {
    const outcomes = {};
    const start = performance.now();
    for (const [title, test] of Object.entries(tests)) {
      try {
        outcomes[title] = { passed: true, value: (await test(url, limit)) || null };
      } catch (error) {
        outcomes[title] = { passed: false, value: String(error) };
      }
    }
    results.servers[name] = { outcomes, ms: Math.round(performance.now() - start) };
  }
  // What a page sends with its handshake: the server at /seen writes it down and refuses.
  document.cookie = 'taste=sweet; path=/';
  const seen = new WebSocket(`ws://${window.location.host}/seen`, 'chat');
  await event(seen, 'close');
  await fetch('/result', { method: 'POST', body: JSON.stringify(results) });
};

window.addEventListener('load', () => {
  runAll().catch((error) => fetch('/result', { method: 'POST', body: JSON.stringify({ error: String(error) }) }));
});
