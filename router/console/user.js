/* One user: where, since when, in which rooms; and putting somebody out. */

import { confirm } from './confirm.js';
import { h, say, toast } from './dom.js';
import * as format from './format.js';
import { linkTo, presencePill } from './lists.js';
import { Table } from './table.js';

const BANS = [['', 'No: may come back at once'], ['10m', 'For 10 minutes'], ['1h', 'For an hour'], ['24h', 'For a day'], ['720h', 'For 30 days']];

/** Takes a user out of a room, if the operator is sure. */
export async function removeMember(api, room, user) {
  const sure = await confirm({
    title: 'Take out of the room?',
    text: `${user} leaves ${room} with all devices, and is told so. Whoever may join can join again.`,
    action: 'Take out',
    fields: [{ name: 'reason', label: 'Reason, told to the client (may stay empty)' }],
  });
  if (sure !== null) {
    await api.call('DELETE', ['v1', 'rooms', room, 'members', user], { reason: sure.reason });
    toast(`${user} is out of ${room}`, 'good');
  }
  return sure !== null;
}

async function disconnect(api, user, devices) {
  const sure = await confirm({
    title: `Disconnect ${user}?`,
    text: devices === 1 ? 'The connection is closed with code 4003.' : `All ${devices} connections are closed with code 4003.`,
    action: 'Disconnect',
    fields: [{ name: 'ban', label: 'Keep out as well', options: BANS },
      { name: 'reason', label: 'Reason, told to the client (may stay empty)' }],
  });
  if (sure !== null) {
    const { kicked } = await api.call('DELETE', ['v1', 'users', user, 'connections'], sure);
    toast(`${format.many(kicked, 'connection')} of ${user} closed`, 'good');
  }
}

const fact = (title) => {
  const value = h('dd', {}, '–');
  return { value, parts: [h('dt', {}, title), value] };
};

export function user(ctx, name) {
  const { api, can, attempt } = ctx;
  const pill = h('span', {});
  const facts = { since: fact('Since'), inbox: fact('Direct messages so far'), watchers: fact('Watched by') };
  const out = h('button', { type: 'button', class: 'danger', disabled: true }, 'Disconnect…');
  let shown = null;

  out.addEventListener('click', () => attempt(async () => {
    await disconnect(api, name, shown.connections + shown.detached);
    await refresh();
  }));
  const roomColumns = [{ title: 'Room', value: (r) => r, cell: (r) => linkTo('rooms', r) }];
  if (can('admin')) {
    roomColumns.push({
      title: '',
      value: () => '',
      cell: (r) => h('button', {
        type: 'button', class: 'danger slim', 'aria-label': `Take ${name} out of ${r}`,
        onclick: () => attempt(async () => await removeMember(api, r, name) && refresh()),
      }, 'Take out…'),
    });
  }
  const rooms = new Table('Rooms', roomColumns, (r) => r, 'In no room.');
  const devices = new Table('Devices', [
    { title: 'Connection', value: (d) => d.connectionId, cell: (d) => h('code', {}, d.connectionId) },
    { title: 'State', value: (d) => d.attached, cell: (d) => h('span', { class: `pill ${d.attached ? 'good' : 'warn'}` }, d.attached ? 'connected' : 'broken, in grace') },
    { title: 'Edge', value: (d) => d.edge },
    { title: 'Address', value: (d) => d.address || '–' },
    { title: 'Agent', value: (d) => d.agent || '–' },
    { title: 'Connected', value: (d) => format.when(d.connectedAt) },
    { title: 'Last active', value: (d) => format.ago(Math.max(0, ctx.now() - d.lastActivity)) },
    { title: 'Rooms', number: true, value: (d) => format.count(d.roomCount) },
  ], (d) => d.connectionId, 'No device is connected.');

  async function refresh() {
    const { user: found } = await api.get(['v1', 'users', name]);
    shown = found;
    if (pill.dataset.state !== String(found.online) + found.detached) {
      pill.dataset.state = String(found.online) + found.detached;
      pill.replaceChildren(presencePill(found));
    }
    const since = found.since ?? found.lastSeen;
    say(facts.since.parts[0], found.online ? 'Online since' : 'Last seen');
    say(facts.since.value, since === undefined ? 'never' : format.when(since));
    say(facts.inbox.value, format.count(found.inboxOffset));
    say(facts.watchers.value, format.many(found.watchers, 'connection'));
    out.disabled = found.connections + found.detached === 0;
    devices.show(found.devices);
    rooms.show(found.rooms);
  }

  return {
    title: name,
    parent: 'users',
    node: h('div', { class: 'stack' },
      h('nav', { class: 'crumbs', 'aria-label': 'Breadcrumb' }, h('a', { href: '#/users' }, 'Users'), ' / '),
      h('div', { class: 'row head' }, h('h1', { tabindex: -1 }, name), pill, can('admin') ? out : null),
      h('dl', { class: 'panel facts' }, Object.values(facts).map((f) => h('div', {}, f.parts))),
      h('section', { class: 'panel' }, h('header', {}, h('h2', {}, 'Devices')), devices.node),
      h('section', { class: 'panel' }, h('header', {}, h('h2', {}, 'Rooms')), rooms.node)),
    refresh,
  };
}
