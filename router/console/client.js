/* A client of the WebSocket protocol (docs/PROTOCOL.md, part one) that comes back by itself, catches up
 * on what it missed, and sends again what nobody has answered. */

const ANSWERED_MS = 1000;
const BACK_MS = [250, 8000];

/** Sub-protocol entries have few letters; a token with others goes into the query. */
function opened(url, token) {
  if (/^[A-Za-z0-9._~-]+$/.test(token)) {
    return new WebSocket(url, ['splitrail.v1.json', `bearer.${token}`]);
  }
  const target = new URL(url);
  target.searchParams.set('token', token);
  return new WebSocket(target, ['splitrail.v1.json']);
}

const CLOSED = {
  4001: 'the token was refused',
  4002: 'the token has ended',
  4003: 'disconnected by an operator',
  1008: 'against the rules',
  1012: 'the edge ends or drains',
  1013: 'try again later',
};
const FINAL = [4001, 4002, 4003];

/**
 * Events, as CustomEvent with what the server said in `detail`: `state` {state, text}, `joined` (the
 * answer), `message`, `presence` {userId, here, reason}, `members` (all of
 * them anew), `gap`, `epoch`, `sent` {key, …}, `kicked`, `trouble`.
 */
export class Client extends EventTarget {
  constructor(url, token, room) {
    super();
    this.url = url;
    this.token = token;
    this.room = room;
    this.last = null; // {epoch, offset}: what was seen of the room
    this.unanswered = new Map(); // key → payload
    this.waiting = new Map(); // id → what to do with the answer
    this.number = 0;
    this.tries = 0;
    this.wanted = false;
    this.socket = null;
  }

  start() {
    this.wanted = true;
    this.#open();
  }

  /** Away until start(). */
  stop() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close(1000, 'away');
    if (this.socket === null) {
      this.#tell('state', { state: 'off', text: 'offline' });
    }
  }

  /** Sends to the room, at once or when it is back. The key makes repetition harmless. */
  send(payload) {
    const key = crypto.randomUUID();
    this.unanswered.set(key, payload);
    this.#publish(key);
    return key;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #open() {
    this.#tell('state', { state: 'busy', text: this.tries === 0 ? 'connecting…' : 'coming back…' });
    const socket = opened(this.url, this.token);
    this.socket = socket;
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(code);
  }

  #closed(code) {
    this.socket = null;
    this.joined = false;
    this.waiting.clear();
    if (!this.wanted || FINAL.includes(code)) {
      this.wanted = false;
      this.#tell('state', { state: FINAL.includes(code) ? 'bad' : 'off', text: CLOSED[code] ?? 'offline' });
      return;
    }
    const wait = Math.min(BACK_MS[1], BACK_MS[0] * 2 ** this.tries++) * (0.5 + Math.random());
    this.#tell('state', { state: 'bad', text: `${CLOSED[code] ?? 'connection lost'}; again in ${(wait / 1000).toFixed(1)} s` });
    this.timer = setTimeout(() => this.#open(), wait);
  }

  #command(type, fields, done) {
    if (this.socket?.readyState === WebSocket.OPEN) {
      const id = ++this.number;
      this.waiting.set(id, done);
      this.socket.send(JSON.stringify({ type, id, ...fields }));
    }
  }

  #publish(key) {
    if (this.joined) {
      this.#command('room_message', { room: this.room, payload: this.unanswered.get(key), key }, (answer) => this.#sent(key, answer));
    }
  }

  #sent(key, answer) {
    const again = ['message_rate_exceeded', 'byte_rate_exceeded', 'unavailable'].includes(answer.code);
    if (again) {
      setTimeout(() => this.unanswered.has(key) && this.#publish(key), answer.retryAfterMs ?? ANSWERED_MS);
      return;
    }
    this.unanswered.delete(key);
    this.#tell('sent', { key, ...answer });
  }

  /** A token may give no right to see who is there; then it is done without. */
  #join(members = true) {
    const fields = { room: this.room, members };
    if (this.last !== null) {
      fields.since = this.last;
    }
    this.#command('join', fields, (answer) => {
      if (answer.type === 'error') {
        if (answer.code === 'forbidden' && members) {
          this.#join(false);
        } else {
          this.#tell('trouble', answer);
        }
        return;
      }
      this.joined = true;
      this.#tell('joined', { ...answer, asked: this.last !== null, before: this.last });
      this.last = { epoch: answer.epoch, offset: answer.offset };
      for (const key of this.unanswered.keys()) {
        this.#publish(key);
      }
    });
  }

  #heard(message) {
    if (message.id !== undefined) {
      this.waiting.get(message.id)?.(message);
      this.waiting.delete(message.id);
      return;
    }
    this.#pushes[message.type]?.(message);
  }

  #pushes = {
    welcome: (m) => {
      this.tries = 0;
      this.userId = m.userId;
      this.#tell('state', { state: 'good', text: m.serverId, userId: m.userId });
      this.#join();
    },
    room_message: (m) => {
      if (this.last !== null && m.offset !== undefined) {
        this.last = { epoch: this.last.epoch, offset: Math.max(this.last.offset, m.offset) };
      }
      this.#tell('message', m);
    },
    user_joined: (m) => this.#tell('presence', { userId: m.userId, here: true }),
    user_left: (m) => this.#tell('presence', { userId: m.userId, here: false, reason: m.reason }),
    gap: (m) => {
      if (m.to === 0) { // only joins and leaves were left out
        this.#command('presence', { room: this.room }, (answer) => answer.members && this.#tell('members', answer.members));
      } else {
        this.#tell('gap', m);
      }
    },
    epoch: (m) => {
      this.last = { epoch: m.epoch, offset: m.offset };
      this.#tell('epoch', m);
    },
    kicked: (m) => {
      this.joined = false;
      this.#tell('kicked', m);
    },
    server_shutdown: (m) => this.#tell('trouble', { error: `the edge says: ${m.reason}` }),
    error: (m) => this.#tell('trouble', m),
  };
}
