/* A line chart of few series over time, in SVG. Pointer and arrow keys show the values of a moment. */

import { h, say, svg } from './dom.js';
import * as format from './format.js';

const HEIGHT = 168;
const EDGE = { left: 56, right: 10, top: 10, bottom: 22 };

/** The round number at or above n, with the step of its axis. */
function scale(n) {
  const raw = Math.max(n, 1e-9) / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw - 1e-12);
  return { step, max: Math.ceil(n / step - 1e-9) * step || step };
}

export class Chart {
  /** `names` of one or two series; `show` makes a text of a value; `least` is the smallest top of the axis. */
  constructor(title, names, show = format.brief, least = 1) {
    this.title = title;
    this.names = names;
    this.show = show;
    this.least = least;
    this.chosen = null; // index of a sample
    this.plot = svg('svg', { height: HEIGHT, role: 'img', tabindex: 0 });
    this.values = names.map(() => h('strong', {}, '–'));
    this.moment = h('span', { class: 'muted small' });
    this.node = h('section', { class: 'panel chart' },
      h('header', {}, h('h2', {}, title), this.moment,
        h('ul', { class: 'legend' }, names.map((name, i) => h('li', { class: `line-${i}` }, h('i', {}), `${name} `, this.values[i])))),
      this.plot);
    this.plot.addEventListener('pointermove', (event) => this.#choose(event.offsetX));
    this.plot.addEventListener('pointerleave', () => this.#unchoose());
    this.plot.addEventListener('blur', () => this.#unchoose());
    this.plot.addEventListener('keydown', (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.node);
  }

  /** Draws samples from `from` to `to` (ms); `series` has an array of values or nulls for each name. */
  update(at, series, from, to) {
    const first = Math.max(0, at.findIndex((t) => t >= from) - 1);
    const chosenAt = this.chosen === null ? null : this.at[this.chosen];
    this.at = at.slice(first);
    this.series = series.map((values) => values.slice(first));
    this.from = from;
    this.to = to;
    this.chosen = chosenAt === null ? null : this.#nearest(chosenAt);
    this.#draw();
  }

  #nearest(t) {
    let best = null;
    this.at.forEach((at, i) => {
      if (at >= this.from && (best === null || Math.abs(at - t) < Math.abs(this.at[best] - t))) {
        best = i;
      }
    });
    return best;
  }

  #choose(x) {
    if (this.at !== undefined) {
      this.chosen = this.#nearest(this.from + ((x - EDGE.left) / this.inner) * (this.to - this.from));
      this.#draw();
    }
  }

  #unchoose() {
    if (this.chosen !== null) {
      this.chosen = null;
      this.#draw();
    }
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined && this.at?.length > 0) {
      event.preventDefault();
      const start = this.chosen ?? this.at.length - (step < 0 ? 0 : 1);
      this.chosen = Math.min(this.at.length - 1, Math.max(0, start + step));
      this.#draw();
    }
  }

  #draw() {
    const width = this.plot.clientWidth;
    if (this.at === undefined || width === 0) {
      return;
    }
    this.inner = width - EDGE.left - EDGE.right;
    const { step, max } = scale(Math.max(this.least, ...this.series.flat().filter((v) => v !== null)));
    const x = (t) => EDGE.left + ((t - this.from) / (this.to - this.from)) * this.inner;
    const y = (v) => HEIGHT - EDGE.bottom - (v / max) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.plot.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.plot.replaceChildren(...this.#grid(width, step, max, x, y),
      ...this.series.flatMap((values, i) => this.#line(values, i, x, y)), ...this.#cursor(x, y));
    this.#tell();
  }

  #grid(width, step, max, x, y) {
    const parts = [];
    for (let v = 0; v <= max + step / 2; v += step) {
      parts.push(svg('line', { class: 'grid', x1: EDGE.left, x2: width - EDGE.right, y1: y(v), y2: y(v) }),
        svg('text', { class: 'tick', x: EDGE.left - 8, y: y(v) + 4, 'text-anchor': 'end' }, this.show(Number(v.toPrecision(6)))));
    }
    const minutes = (this.to - this.from) / 60000;
    const every = [1, 2, 5, 10, 15, 30].find((m) => minutes / m <= Math.max(2, width / 110)) ?? 30;
    for (let m = 0; m < minutes - every / 4; m += every) {
      parts.push(svg('text', { class: 'tick', x: x(this.to - m * 60000), y: HEIGHT - 5, 'text-anchor': m === 0 ? 'end' : 'middle' },
        m === 0 ? 'now' : `−${m} min`));
    }
    return parts;
  }

  /** One path for each stretch without a hole, with its area below when it is the only series. */
  #line(values, index, x, y) {
    const stretches = [];
    let open = null;
    values.forEach((v, i) => {
      if (v === null) {
        open = null;
      } else if (open === null) {
        stretches.push(open = [[x(this.at[i]), y(v)]]);
      } else {
        open.push([x(this.at[i]), y(v)]);
      }
    });
    return stretches.flatMap((points) => {
      const d = `M${points.map((p) => p.map((n) => n.toFixed(1)).join(',')).join('L')}`;
      const area = `${d}L${points.at(-1)[0].toFixed(1)},${y(0)}L${points[0][0].toFixed(1)},${y(0)}Z`;
      return [index === 0 ? svg('path', { class: `area-${index}`, d: area }) : null,
        svg('path', { class: `stroke-${index}`, d })].filter((part) => part !== null);
    });
  }

  #cursor(x, y) {
    if (this.chosen === null) {
      return [];
    }
    const at = x(this.at[this.chosen]);
    const dots = this.series.map((values, i) => values[this.chosen] === null ? null
      : svg('circle', { class: `dot-${i}`, cx: at, cy: y(values[this.chosen]), r: 4 }));
    return [svg('line', { class: 'cursor', x1: at, x2: at, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }), ...dots.filter(Boolean)];
  }

  #tell() {
    const index = this.chosen ?? this.at.length - 1;
    const texts = this.series.map((values) => (values[index] === null || values[index] === undefined ? '–' : this.show(values[index])));
    texts.forEach((text, i) => say(this.values[i], text));
    say(this.moment, this.chosen === null ? '' : format.time(this.at[index]));
    this.plot.setAttribute('aria-label', `${this.title}: ${texts.map((text, i) => `${this.names[i]} ${text}`).join(', ')}`);
  }
}
