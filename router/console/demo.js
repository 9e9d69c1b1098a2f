/* The demo: two panes that chat with each other, and what the router does meanwhile. */

import { Client } from './client.js';
import { h, say } from './dom.js';
import * as format from './format.js';

const LOOK_MS = 500;
const NAMES = ['alice', 'bob'];

/** ws: and wss: only, whoever has put it into the address of this page. */
function edgeUrl(text) {
  try {
    const url = new URL(text);
    return ['ws:', 'wss:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function defaults(index) {
  const given = new URLSearchParams(location.search).getAll('edge').map(edgeUrl).filter(Boolean);
  const secure = location.protocol === 'https:';
  return given[index] ?? given[0] ?? `${secure ? 'wss' : 'ws'}://${location.hostname}:${secure ? 8443 : 8080}/ws`;
}

class Pane {
  constructor(index) {
    const id = (name) => `${name}-${index}`;
    this.client = null;
    this.mine = new Map(); // key → element
    this.people = new Map(); // user → element
    this.url = h('input', { id: id('url'), value: defaults(index), spellcheck: 'false', autocomplete: 'off', inputmode: 'url' });
    this.token = h('input', { id: id('token'), value: NAMES[index], spellcheck: 'false', autocomplete: 'off' });
    this.room = h('input', { id: id('room'), value: 'lobby', spellcheck: 'false', autocomplete: 'off', maxlength: 128 });
    this.error = h('p', { class: 'error-text', role: 'alert', hidden: true });
    this.setup = h('form', { class: 'setup', onsubmit: (event) => this.#connect(event) },
      h('label', { class: 'wide' }, 'Edge', this.url),
      h('label', {}, 'Token', this.token), h('label', {}, 'Room', this.room),
      h('p', { class: 'muted small wide' }, 'With --auth insecure the token is a name; else a JWT that the router accepts.'),
      this.error, h('button', { type: 'submit', class: 'primary' }, 'Connect'));
    this.name = h('h2', {}, NAMES[index]);
    this.state = h('span', { class: 'pill' }, 'offline');
    this.away = h('button', { type: 'button', class: 'slim', hidden: true, onclick: () => this.#toggle() }, 'Go away');
    this.here = h('ul', { class: 'people', 'aria-label': 'In the room' });
    this.log = h('ol', { class: 'log', tabindex: 0, 'aria-label': 'Messages', role: 'log' });
    this.text = h('input', { placeholder: 'Write a message', 'aria-label': `Message of pane ${index + 1}`, maxlength: 2000, autocomplete: 'off' });
    this.compose = h('form', { class: 'compose', hidden: true, onsubmit: (event) => this.#send(event) },
      this.text, h('button', { type: 'submit', class: 'primary' }, 'Send'));
    this.node = h('section', { class: 'panel pane', 'aria-label': `Client ${index + 1}` },
      h('header', {}, this.name, this.state, this.away), this.setup, this.here, this.log, this.compose);
  }

  #connect(event) {
    event.preventDefault();
    const url = edgeUrl(this.url.value.trim());
    const room = this.room.value.trim();
    const token = this.token.value.trim();
    const why = url === null ? 'The edge is an address that begins with ws:// or wss://.'
      : token === '' || room === '' ? 'Token and room may not be empty.'
        : location.protocol === 'https:' && url.startsWith('ws:') ? 'From a page with https: the edge must be wss://.' : '';
    this.error.hidden = why === '';
    say(this.error, why);
    if (why === '') {
      this.client = new Client(url, token, room);
      this.#listen(room);
      this.setup.hidden = true;
      this.compose.hidden = this.away.hidden = false;
      this.client.start();
      this.text.focus();
    }
  }

  #listen(room) {
    const on = (name, handle) => this.client.addEventListener(name, ({ detail }) => handle(detail));
    on('state', (state) => this.#state(state));
    on('joined', (answer) => this.#joined(answer, room));
    on('message', (message) => this.#message(message));
    on('presence', (change) => this.#presence(change));
    on('sent', (answer) => this.#sent(answer));
    on('members', (members) => this.#members(members));
    on('gap', (gap) => this.#note(`Gap: ${gap.epoch === undefined ? '' : 'of the life before, '}messages ${gap.from} to ${gap.to} did not come to this connection.`, 'warn'));
    on('epoch', () => this.#note('The room has begun a new life: what was kept of it has gone with the router.', 'event'));
    on('kicked', () => this.#note('Taken out of the room by an operator.', 'warn'));
    on('trouble', (trouble) => this.#note(trouble.error ?? trouble.code, 'warn'));
  }

  #state({ state, text, userId }) {
    this.state.className = `pill ${{ good: 'good', bad: 'bad', busy: 'warn', off: '' }[state]}`;
    say(this.state, text);
    if (userId !== undefined) {
      say(this.name, userId);
    }
    say(this.away, this.client.wanted ? 'Go away' : 'Come back');
    if (state !== 'good') {
      this.here.classList.add('stale');
    }
  }

  #joined({ members = [], recovered, asked, before, epoch, offset }, room) {
    this.#members(members);
    if (!asked) {
      this.#note(`Joined ${room}.`);
    } else if (recovered) {
      const missed = offset - before.offset;
      this.#note(missed > 0 ? `Back: recovered ${missed} missed ${missed === 1 ? 'message' : 'messages'}, none lost.` : 'Back: nothing was missed.', 'event');
    } else {
      this.#note(before.epoch === epoch ? 'Back, but some of what was missed is not kept any more.' : 'Back, and the room has begun a new life meanwhile.', 'warn');
    }
  }

  #members(members) {
    this.here.classList.remove('stale');
    this.people.clear();
    this.here.replaceChildren();
    members.forEach((member) => this.#person(member.userId ?? member));
  }

  #person(userId) {
    if (!this.people.has(userId)) {
      const node = h('li', { class: 'pill good' }, userId);
      this.people.set(userId, node);
      this.here.append(node);
    }
  }

  #presence({ userId, here, reason }) {
    if (here) {
      this.#person(userId);
    } else {
      this.people.get(userId)?.remove();
      this.people.delete(userId);
    }
    this.#note(`${userId} ${here ? 'came' : `left (${reason})`}`);
  }

  /** The router has gone or come back: told to those who are connected, since they notice nothing. */
  router(text) {
    if (this.client?.socket?.readyState === WebSocket.OPEN) {
      this.#note(text, 'event');
    }
  }

  #send(event) {
    event.preventDefault();
    const text = this.text.value.trim();
    if (text !== '') {
      this.text.value = '';
      const note = h('span', { class: 'mark' }, this.client.socket === null ? 'waits until you are back' : 'sending…');
      const bubble = this.#bubble({ payload: { text }, timestamp: Date.now() }, true, note);
      this.mine.set(this.client.send({ text }), { bubble, note });
    }
  }

  #sent({ key, type, offset, duplicate, error }) {
    const { bubble, note } = this.mine.get(key) ?? {};
    if (type === 'error') {
      bubble?.classList.add('failed');
      note?.replaceChildren(error ?? 'refused');
    } else {
      note?.replaceChildren(`✓ ${offset}${duplicate ? ', once in spite of a repetition' : ''}`);
    }
  }

  /** Our own come back too; what this pane has written is there already. */
  #message(message) {
    const own = message.userId === this.client.userId
      && [...this.mine.values()].find(({ bubble, echoed }) => !echoed && bubble.dataset.text === textOf(message.payload));
    if (own) {
      own.echoed = true;
    } else {
      this.#bubble(message, message.userId === this.client.userId, h('span', { class: 'mark' }, message.offset === undefined ? '' : `${message.offset}`));
    }
  }

  #bubble(message, own, mark) {
    const text = textOf(message.payload);
    const bubble = h('li', { class: own ? 'bubble own' : 'bubble', 'data-text': text },
      own ? null : h('b', {}, message.userId ?? 'operator'), h('span', {}, text),
      h('span', { class: 'meta' }, format.time(message.timestamp), mark));
    this.#add(bubble);
    return bubble;
  }

  #note(text, kind = '') {
    this.#add(h('li', { class: `note ${kind}` }, `${format.time(Date.now())}  ${text}`));
  }

  #add(node) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    this.log.append(node);
    while (this.log.children.length > 500) {
      this.log.firstChild.remove();
    }
    if (atEnd) {
      this.log.scrollTop = this.log.scrollHeight;
    }
  }

  #toggle() {
    if (this.client.wanted) {
      this.client.stop();
    } else {
      this.client.start();
    }
  }
}

/** What a payload of anybody looks like: the text of ours, the JSON of others. */
function textOf(payload) {
  return typeof payload?.text === 'string' ? payload.text : format.cut(JSON.stringify(payload), 2000);
}

/** Whether there is a router, and since when not; `tell` hears of each change. */
class RouterWatch {
  constructor(tell) {
    this.tell = tell;
    this.pill = document.getElementById('router');
    this.note = document.getElementById('router-note');
    this.awaySince = null;
    this.look();
  }

  async look() {
    const started = Date.now();
    try {
      const { ready, reasons } = await (await fetch('/ready', { cache: 'no-store', signal: AbortSignal.timeout(2000) })).json();
      this.#here(ready, reasons);
    } catch {
      if (this.awaySince === null) {
        this.awaySince = started;
        this.tell('The router is away. This connection stays open, and what you write waits at the edge.');
      }
      this.#show('bad', 'router is away', `for ${format.duration(Date.now() - this.awaySince)}; clients stay connected, messages wait`);
    }
    setTimeout(() => this.look(), LOOK_MS);
  }

  #here(ready, reasons) {
    if (!ready) {
      this.#show('warn', 'router is here', `not ready yet: ${reasons.join(', ')}`);
      return;
    }
    if (this.awaySince !== null) {
      const lasted = `${((Date.now() - this.awaySince) / 1000).toFixed(1)} s`;
      this.back = `back at ${format.time(Date.now())} after ${lasted}`;
      this.tell(`The router is back after ${lasted}. This connection never broke.`);
      this.awaySince = null;
    }
    this.#show('good', 'router is ready', this.back ?? '');
  }

  #show(kind, text, note) {
    this.pill.className = `pill ${kind}`;
    say(this.pill, text);
    say(this.note, note);
  }
}

const panes = NAMES.map((name, i) => new Pane(i));
document.getElementById('panes').append(...panes.map((pane) => pane.node));
new RouterWatch((text) => panes.forEach((pane) => pane.router(text)));
