/* The edges, one a row, and taking one out. */

import { confirm } from './confirm.js';
import { h, toast } from './dom.js';
import * as format from './format.js';
import { Table } from './table.js';

const KIND = { up: 'good', draining: 'warn', suspect: 'bad', down: 'bad' };

function creditCell(edge) {
  const waiting = edge.unackedBytes + edge.queuedBytes;
  return h('span', { class: 'credit' },
    h('meter', { min: 0, max: Math.max(1, edge.creditBytes), high: edge.creditBytes * 0.75, value: waiting, 'aria-label': 'credit used' }),
    h('span', { class: 'muted small' }, `${format.bytes(waiting)} of ${format.bytes(edge.creditBytes)}`));
}

export function edges({ api, figures, can }) {
  async function drain(edge) {
    const others = figures.edges.filter((other) => other.edgeId !== edge.edgeId && other.state === 'up').length;
    const sure = await confirm({
      title: `Drain edge ${edge.edgeId}?`,
      text: `${edge.connections === 0 ? 'It has no clients; it' : `Its ${format.many(edge.connections, 'client')} will be told to move to other edges, then it`} ends, as with SIGTERM. `
        + (others === 0 ? 'No other edge is up: they will find none.' : `${others} other ${others === 1 ? 'edge is' : 'edges are'} up.`),
      action: 'Drain',
    });
    if (sure !== null) {
      await api.call('POST', ['v1', 'edges', edge.edgeId, 'drain']);
      toast(`${edge.edgeId} drains`, 'good');
    }
  }

  const columns = [
    { title: 'Edge', value: (e) => e.edgeId, cell: (e) => h('strong', {}, e.edgeId) },
    {
      title: 'State',
      value: (e) => `${e.state} ${e.synced} ${e.held}`,
      cell: (e) => h('span', { class: `pill ${KIND[e.state]}` }, e.held ? 'held' : e.synced || e.state === 'draining' ? e.state : `${e.state}, announcing`),
    },
    { title: 'Clients', number: true, value: (e) => format.count(e.connections) },
    { title: 'In grace', number: true, value: (e) => format.count(e.detached) },
    { title: 'Round trip', number: true, value: (e) => (e.canaryUs === 0 ? '–' : format.micros(e.canaryUs)) },
    { title: 'Link credit used', value: (e) => `${e.unackedBytes} ${e.queuedBytes}`, cell: creditCell },
    { title: 'Link up for', number: true, value: (e) => format.duration(e.linkAgeMs) },
    { title: 'Heard', number: true, value: (e) => format.ago(e.silentMs) },
  ];
  if (can('admin')) {
    columns.push({
      title: '',
      value: (e) => e.state === 'draining',
      cell: (e) => h('button', {
        type: 'button', class: 'danger slim', disabled: e.state === 'draining', 'aria-label': `Drain ${e.edgeId}`,
        onclick: () => drain(e).catch((error) => toast(error.message, 'bad')),
      }, 'Drain…'),
    });
  }
  const table = new Table('Edges', columns, (e) => e.edgeId + e.incarnation, 'No edge has a link.');
  return {
    title: 'Edges',
    node: h('div', { class: 'stack' }, h('h1', { tabindex: -1 }, 'Edges'), h('section', { class: 'panel' }, table.node)),
    refresh: async () => table.show(figures.edges),
  };
}
