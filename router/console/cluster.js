/* The overview: how the cluster is, in one screen. */

import { Chart } from './chart.js';
import { h, say } from './dom.js';
import * as format from './format.js';
import { Picture } from './picture.js';

const REASONS = {
  rebuilding: 'edges are still announcing who is there',
  canary: 'no canary comes from any edge',
  store_stalled: 'the store finishes nothing',
};

const tile = (title, hint) => {
  const value = h('strong', {}, '–');
  const note = h('span', { class: 'muted small' }, hint);
  return { value, note, node: h('div', { class: 'panel tile' }, h('span', { class: 'muted' }, title), value, note) };
};

const last = (values) => values.at(-1) ?? null;
const perSecond = (value) => (value === null ? '–' : `${format.brief(value)}/s`);

export function overview({ figures }) {
  const tiles = {
    connections: tile('Connections', ''),
    users: tile('Users online', ''),
    messages: tile('Messages', ''),
    deliveries: tile('Deliveries', ''),
    latency: tile('Latency', 'edge to router and back'),
    refused: tile('Refusals', 'commands and connections'),
  };
  const alarm = h('p', { class: 'alarm warn', role: 'status', hidden: true });
  const picture = new Picture();
  const ms = (value) => `${format.brief(value)} ms`;
  const charts = [
    [new Chart('Connections', ['clients', 'users'], format.brief, 3), () => [figures.gauge('connections'), figures.gauge('users')]],
    [new Chart('Traffic per second', ['deliveries', 'messages']), () => [figures.rate('deliveries'), figures.rate('messages')]],
    [new Chart('Latency', ['plane round trip', 'commit'], ms, 0.1), () => [
      figures.gauge('canaryUs').map((us) => (us === 0 ? null : us / 1000)),
      figures.rate('commitUs', 'commits').map((us) => (us === null ? null : us / 1000))]],
    [new Chart('Refusals per second', ['commands', 'connections']), () => [figures.rate('commandsRefused'), figures.rate('connectionsRefused')]],
  ];
  const span = h('select', { id: 'span', onchange: () => show() },
    [[5, '5 minutes'], [15, '15 minutes'], [60, '1 hour']].map(([value, label]) => h('option', { value, selected: value === 5 }, label)));

  function showTiles({ figures: f, router }) {
    say(tiles.connections.value, format.count(f.connections));
    say(tiles.connections.note, f.detached === 0 ? `over ${format.many(figures.edges.length, 'edge')}` : `${format.count(f.detached)} broken, in their grace`);
    say(tiles.users.value, format.count(f.users_online));
    say(tiles.users.note, `${format.many(f.rooms, 'room')}, ${format.many(f.members, 'membership')}`);
    say(tiles.messages.value, perSecond(last(figures.rate('messages'))));
    say(tiles.messages.note, `${format.brief(f.room_messages + f.direct_messages)} since the start`);
    say(tiles.deliveries.value, perSecond(last(figures.rate('deliveries'))));
    say(tiles.deliveries.note, `${format.brief(f.deliveries)} since the start`);
    const slowest = Math.max(0, ...figures.edges.map((edge) => edge.canaryUs));
    say(tiles.latency.value, slowest === 0 ? '–' : format.micros(slowest));
    const refused = [last(figures.rate('commandsRefused')), last(figures.rate('connectionsRefused'))];
    say(tiles.refused.value, refused.includes(null) ? '–' : perSecond(refused[0] + refused[1]));
    tiles.refused.node.classList.toggle('attention', refused[0] + refused[1] >= 1);
    alarm.hidden = router.ready;
    say(alarm, router.ready ? '' : `Not ready: ${router.reasons.map((reason) => REASONS[reason] ?? reason).join('; ')}.`);
  }

  function show() {
    if (figures.stats === null) {
      return;
    }
    showTiles(figures.stats);
    picture.update(figures.stats, figures.edges);
    const to = figures.stats.asOf;
    for (const [chart, series] of charts) {
      chart.update(figures.at(), series(), to - Number(span.value) * 60000, to);
    }
  }

  return {
    title: 'Overview',
    node: h('div', { class: 'stack' },
      h('div', { class: 'row head' }, h('h1', { tabindex: -1 }, 'Overview'), h('div', { class: 'row' }, h('label', { for: 'span' }, 'Charts show'), span)),
      alarm,
      h('div', { class: 'tiles' }, Object.values(tiles).map((t) => t.node)),
      picture.node,
      h('div', { class: 'charts' }, charts.map(([chart]) => chart.node))),
    refresh: async () => show(),
  };
}
