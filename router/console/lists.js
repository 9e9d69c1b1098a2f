/* Users and rooms: search by the beginning of the name, page by page. */

import { h, say } from './dom.js';
import * as format from './format.js';
import { Table } from './table.js';

const PAGE = 50;
const PAGES_MAX = 20;

export const linkTo = (kind, name) => h('a', { href: `#/${kind}/${encodeURIComponent(name)}` }, name);

export const presencePill = (user) => h('span', { class: `pill ${user.online ? 'good' : ''}` },
  user.online ? 'online' : user.detached > 0 ? 'in grace' : 'offline');

function list(ctx, { kind, title, hint, columns, key, empty }) {
  const table = new Table(title, columns, key, empty);
  const search = h('input', { type: 'search', id: 'search', placeholder: hint, autocomplete: 'off', spellcheck: 'false', maxlength: 128 });
  const total = h('p', { class: 'muted small', role: 'status' });
  const more = h('button', { type: 'button', hidden: true }, 'Show more');
  let pages = 1;
  let asked = 0;
  let timer = 0;

  async function refresh() {
    const mine = ++asked;
    const found = await ctx.api.get(['v1', kind], { prefix: search.value.trim(), limit: pages * PAGE });
    if (mine === asked) { // else somebody has typed meanwhile
      table.show(found[kind]);
      more.hidden = found.cursor === null || pages >= PAGES_MAX;
      say(total, found.cursor === null ? format.many(found[kind].length, kind.slice(0, -1))
        : `the first ${format.count(found[kind].length)} by name${pages >= PAGES_MAX ? '; search to see others' : ''}`);
    }
  }

  const soon = () => {
    pages = 1;
    clearTimeout(timer);
    timer = setTimeout(() => ctx.attempt(refresh), 200);
  };
  search.addEventListener('input', soon);
  more.addEventListener('click', () => {
    pages++;
    ctx.attempt(refresh);
  });
  return {
    title,
    every: 3,
    node: h('div', { class: 'stack' },
      h('div', { class: 'row head' }, h('h1', { tabindex: -1 }, title), total),
      h('label', { class: 'hidden-text', for: 'search' }, `Search ${kind}`), search,
      h('section', { class: 'panel' }, table.node),
      h('div', { class: 'row' }, more)),
    refresh,
    close: () => clearTimeout(timer),
  };
}

export const users = (ctx) => list(ctx, {
  kind: 'users',
  title: 'Users',
  hint: 'Names that begin with…',
  empty: 'Nobody with such a name is known to the router.',
  key: (u) => u.userId,
  columns: [
    { title: 'User', value: (u) => u.userId, cell: (u) => linkTo('users', u.userId) },
    { title: 'Presence', value: (u) => `${u.online} ${u.detached > 0}`, cell: presencePill },
    { title: 'Devices', number: true, value: (u) => format.count(u.connections) },
    { title: 'Watched by', number: true, value: (u) => format.count(u.watchers) },
    { title: 'Since', number: true, value: (u) => format.when(u.since ?? u.lastSeen ?? 0), cell: (u) => ((u.since ?? u.lastSeen) ? format.when(u.since ?? u.lastSeen) : '–') },
  ],
});

export const rooms = (ctx) => list(ctx, {
  kind: 'rooms',
  title: 'Rooms',
  hint: 'Names that begin with…',
  empty: 'No such room is in memory.',
  key: (r) => r.roomId,
  columns: [
    { title: 'Room', value: (r) => r.roomId, cell: (r) => linkTo('rooms', r.roomId) },
    { title: 'Class', value: (r) => r.class, cell: (r) => h('span', { class: 'pill plain' }, r.class) },
    { title: 'Members', number: true, value: (r) => format.count(r.members) },
    { title: 'Connections', number: true, value: (r) => format.count(r.connections) },
    { title: 'Last offset', number: true, value: (r) => format.count(r.offset) },
    { title: 'History', number: true, value: (r) => format.bytes(r.historyBytes) },
  ],
});
