/* One room: who is in it and what was said last. */

import { h, say } from './dom.js';
import * as format from './format.js';
import { linkTo } from './lists.js';
import { Table } from './table.js';
import { removeMember } from './user.js';

const MEMBERS = 200;
const MESSAGES = 20;

export function room(ctx, name) {
  const { api, can, attempt } = ctx;
  const kind = h('span', { class: 'pill plain', hidden: true });
  const facts = Object.fromEntries(['Members', 'Connections', 'Offsets kept', 'History', 'Epoch'].map((title) => [title, h('dd', {}, '–')]));
  const note = h('p', { class: 'muted small' });
  const columns = [
    { title: 'User', value: (m) => m.userId, cell: (m) => linkTo('users', m.userId) },
    { title: 'Devices', number: true, value: (m) => format.count(m.connections) },
  ];
  if (can('admin')) {
    columns.push({
      title: '',
      value: () => '',
      cell: (m) => h('button', {
        type: 'button', class: 'danger slim', 'aria-label': `Take ${m.userId} out`,
        onclick: () => attempt(async () => await removeMember(api, name, m.userId) && refresh()),
      }, 'Take out…'),
    });
  }
  const members = new Table('Members', columns, (m) => m.userId, 'Nobody is in it.');
  const messages = new Table('Messages', [
    { title: 'Offset', number: true, value: (m) => format.count(m.offset) },
    { title: 'Time', value: (m) => format.when(m.timestamp) },
    { title: 'User', value: (m) => m.userId ?? '–', cell: (m) => (m.userId === undefined ? '–' : linkTo('users', m.userId)) },
    { title: 'Payload', value: (m) => m.offset, cell: (m) => h('code', {}, format.cut(JSON.stringify(m.payload), 500)) },
  ], (m) => m.offset, 'Nothing is kept.');

  async function refresh() {
    const [{ room: found }, people, history] = await Promise.all([
      api.get(['v1', 'rooms', name]),
      api.get(['v1', 'rooms', name, 'members'], { limit: MEMBERS }),
      api.get(['v1', 'rooms', name, 'messages'], { limit: MESSAGES }),
    ]);
    kind.hidden = false;
    say(kind, found.class);
    say(facts.Members, format.count(found.members));
    say(facts.Connections, format.count(found.connections));
    say(facts['Offsets kept'], found.offset < found.firstOffset ? 'none' : `${format.count(found.firstOffset)} to ${format.count(found.offset)}`);
    say(facts.History, format.bytes(found.historyBytes));
    say(facts.Epoch, found.epoch);
    members.show(people.members);
    say(note, people.cursor === null ? '' : `the first ${MEMBERS} by name`);
    messages.show(history.messages.reverse());
  }

  return {
    title: name,
    parent: 'rooms',
    node: h('div', { class: 'stack' },
      h('nav', { class: 'crumbs', 'aria-label': 'Breadcrumb' }, h('a', { href: '#/rooms' }, 'Rooms'), ' / '),
      h('div', { class: 'row head' }, h('h1', { tabindex: -1 }, name), kind),
      h('dl', { class: 'panel facts' }, Object.entries(facts).map(([title, value]) => h('div', {}, h('dt', {}, title), value))),
      h('div', { class: 'split' },
        h('section', { class: 'panel' }, h('header', {}, h('h2', {}, 'Members'), note), members.node),
        h('section', { class: 'panel' }, h('header', {}, h('h2', {}, 'Newest messages')), messages.node))),
    refresh,
  };
}
