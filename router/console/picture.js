/* The cluster as a picture: the router, its edges, and the links between them. */

import { h, svg } from './dom.js';
import * as format from './format.js';

const ROUTER = { width: 236, height: 66 };
const EDGE = { width: 178, height: 92, gap: 16 };
const SHOWN_MAX = 24;

const KIND = { up: 'good', draining: 'warn', suspect: 'bad', down: 'bad' };

function routerBox(stats, x) {
  const { routerId, version, uptimeMs, ready } = stats.router;
  return svg('g', { class: 'box router', transform: `translate(${x},1)` },
    svg('rect', { width: ROUTER.width, height: ROUTER.height, rx: 10 }),
    svg('circle', { class: ready ? 'good' : 'bad', cx: 20, cy: 25, r: 5 }),
    svg('text', { class: 'name', x: 34, y: 30 }, format.cut(routerId, 22)),
    svg('text', { class: 'note', x: 20, y: 52 }, `router ${version} · up ${format.duration(uptimeMs)}`));
}

function edgeBox(edge, x, y) {
  const waiting = edge.unackedBytes + edge.queuedBytes;
  const used = edge.creditBytes === 0 ? 0 : Math.min(1, waiting / edge.creditBytes);
  const inner = EDGE.width - 32;
  const rtt = edge.canaryUs === 0 ? '' : ` · ${format.micros(edge.canaryUs)}`;
  return svg('a', {
    class: 'box', href: '#/edges', transform: `translate(${x},${y})`,
    'aria-label': `Edge ${edge.edgeId}, ${edge.state}, ${edge.connections} connections`,
  },
  svg('rect', { width: EDGE.width, height: EDGE.height, rx: 10 }),
  svg('circle', { class: KIND[edge.state], cx: 20, cy: 22, r: 5 }),
  svg('text', { class: 'name', x: 34, y: 27 }, format.cut(edge.edgeId, 15)),
  svg('text', { class: 'note', x: 16, y: 50 }, `${format.brief(edge.connections)} ${edge.connections === 1 ? 'client' : 'clients'}${rtt}`),
  svg('rect', { class: 'track', x: 16, y: 62, width: inner, height: 5, rx: 2.5 }),
  svg('rect', { class: used > 0.75 ? 'fill bad' : 'fill', x: 16, y: 62, width: Math.max(inner * used, used > 0 ? 3 : 0), height: 5, rx: 2.5 }),
  svg('text', { class: 'tick', x: 16, y: 82 }, edge.state === 'up' && !edge.held ? `credit ${Math.round((1 - used) * 100)} % free`
    : edge.held ? 'held: takes too slowly' : edge.state));
}

export class Picture {
  constructor() {
    this.plot = svg('svg', { role: 'group', 'aria-label': 'Router and edges' });
    this.note = h('p', { class: 'muted small' });
    this.node = h('section', { class: 'panel picture' }, h('header', {}, h('h2', {}, 'Cluster'), this.note), this.plot);
    new ResizeObserver(() => this.#draw()).observe(this.node);
  }

  update(stats, edges) {
    this.stats = stats;
    this.edges = [...edges].sort((a, b) => b.connections - a.connections).slice(0, SHOWN_MAX)
      .sort((a, b) => a.edgeId.localeCompare(b.edgeId, 'en', { numeric: true }));
    const more = edges.length - this.edges.length;
    this.note.textContent = edges.length === 0 ? 'No edge has a link. Start one, or look at --router of those that run.'
      : more > 0 ? `The ${SHOWN_MAX} edges with most clients; ${more} more are in Edges.` : '';
    this.#draw();
  }

  #draw() {
    const width = this.plot.clientWidth;
    if (this.stats === undefined || width === 0) {
      return;
    }
    const focused = this.plot.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
    const columns = Math.max(1, Math.min(this.edges.length, Math.floor((width + EDGE.gap) / (EDGE.width + EDGE.gap))));
    const rows = Math.ceil(this.edges.length / columns);
    const top = ROUTER.height + 52;
    const height = this.edges.length === 0 ? ROUTER.height + 2 : top + rows * (EDGE.height + EDGE.gap) - EDGE.gap + 1;
    this.plot.setAttribute('height', height);
    this.plot.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const links = [];
    const boxes = [];
    this.edges.forEach((edge, i) => {
      const row = Math.floor(i / columns);
      const inRow = Math.min(columns, this.edges.length - row * columns);
      const left = (width - inRow * (EDGE.width + EDGE.gap) + EDGE.gap) / 2;
      const x = left + (i % columns) * (EDGE.width + EDGE.gap);
      const y = top + row * (EDGE.height + EDGE.gap);
      const [x1, y1, x2] = [width / 2, ROUTER.height, x + EDGE.width / 2];
      links.push(svg('path', { class: `link ${KIND[edge.state]}`, d: `M${x1},${y1}C${x1},${y1 + 40} ${x2},${y - 40} ${x2},${y}` }));
      boxes.push(edgeBox(edge, x, y));
    });
    this.plot.replaceChildren(...links, routerBox(this.stats, (width - ROUTER.width) / 2), ...boxes);
    if (focused !== null) {
      [...this.plot.querySelectorAll('a')].find((a) => a.getAttribute('aria-label') === focused)?.focus();
    }
  }
}
