// A client written for the original single-process server, on npm ws: it knows join, leave,
// room_message, direct_message, routing_token, server_shutdown and error texts, and nothing of ids,
// offsets, welcome or presence. Usage: node original.mjs URL_OF_EDGE_A URL_OF_EDGE_B
import assert from 'node:assert/strict';
import WebSocket from 'ws';

const [urlA, urlB] = process.argv.slice(2);
const known = new Set(['room_message', 'direct_message', 'routing_token', 'server_shutdown']);

class Original {
  constructor(url, token) {
    this.heard = [];
    this.waiting = [];
    this.socket = new WebSocket(`${url}?token=${token}`);
    this.socket.on('message', (data, binary) => {
      assert.equal(binary, false, 'JSON comes as text');
      const message = JSON.parse(data.toString());
      // It ignored what it did not know.
      if (known.has(message.type) || typeof message.error === 'string') {
        this.heard.push(message);
        this.wake();
      }
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code) => resolve(code));
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('error', reject);
    });
  }

  wake() {
    this.waiting = this.waiting.filter(({ accept, resolve }) => {
      const at = this.heard.findIndex(accept);
      if (at < 0) return true;
      resolve(this.heard.splice(at, 1)[0]);
      return false;
    });
  }

  expect(accept) {
    return new Promise((resolve) => {
      this.waiting.push({ accept, resolve });
      this.wake();
    });
  }

  type(type) {
    return this.expect((message) => message.type === type);
  }

  send(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  // An error answer comes after everything the server did before for this client.
  async settle() {
    this.send('{');
    await this.expect((message) => message.error === 'Invalid JSON');
  }
}

const alice = new Original(urlA, 'orig_alice');
const bob = new Original(urlB, 'orig_bob');
await Promise.all([alice.opened, bob.opened]);
for (const client of [alice, bob]) {
  const routing = await client.type('routing_token');
  assert.equal(typeof routing.token, 'string');
  assert.ok(routing.token.length > 0);
}

// Rooms reach across edges, and the sender hears its own message, as it did.
alice.send({ type: 'join', room: 'original' });
bob.send({ type: 'join', room: 'original' });
await alice.settle();
await bob.settle();
alice.send({ type: 'room_message', room: 'original', payload: { text: 'hello', n: [1, 2] } });
for (const client of [alice, bob]) {
  const message = await client.type('room_message');
  assert.equal(message.roomId, 'original');
  assert.equal(message.userId, 'user_orig_alice');
  assert.deepEqual(message.payload, { text: 'hello', n: [1, 2] });
  assert.equal(typeof message.timestamp, 'number');
  assert.equal(typeof message.serverId, 'string');
}

// Direct messages reach the user wherever he is.
alice.send({ type: 'direct_message', targetUserId: 'user_orig_bob', payload: 'psst' });
const direct = await bob.type('direct_message');
assert.equal(direct.fromUserId, 'user_orig_alice');
assert.equal(direct.payload, 'psst');
assert.equal(typeof direct.timestamp, 'number');

// Errors as they were.
alice.send('this is no JSON');
await alice.expect((message) => message.error === 'Invalid JSON');
alice.send({ type: 'dance' });
await alice.expect((message) => message.error === 'Unknown message type');

// Who has left hears no more.
bob.send({ type: 'leave', room: 'original' });
await bob.settle();
alice.send({ type: 'room_message', room: 'original', payload: 2 });
await alice.type('room_message');
await bob.settle();
assert.deepEqual(bob.heard, []);

// The harness stops edge B now. (It also ends this process when it waits in vain.)
console.log('READY FOR SHUTDOWN');
const shutdown = await bob.type('server_shutdown');
assert.equal(typeof shutdown.reason, 'string');
assert.ok(shutdown.reconnectDelay >= 0);
assert.equal(await bob.closed, 1012);
alice.socket.close();
await alice.closed;
console.log('DONE');
