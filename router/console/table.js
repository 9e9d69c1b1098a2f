/* A table that is brought up to date in place, so that focus and selection stay where they are. */

import { h } from './dom.js';

/**
 * Columns are {title, value(item), cell?(item), number?}: a cell is made anew only when its value has
 * changed. `key` names an item.
 */
export class Table {
  constructor(caption, columns, key, empty) {
    this.columns = columns;
    this.key = key;
    this.rows = new Map();
    this.body = h('tbody');
    this.empty = h('p', { class: 'empty muted', hidden: true }, empty);
    this.node = h('div', {},
      h('table', {}, h('caption', { class: 'hidden-text' }, caption),
        h('thead', {}, h('tr', {}, columns.map((column) => h('th', { scope: 'col', class: column.number ? 'number' : null }, column.title)))),
        this.body),
      this.empty);
  }

  show(items) {
    const rows = new Map();
    for (const item of items) {
      const row = this.rows.get(this.key(item)) ?? this.#row();
      this.#fill(row, item);
      rows.set(this.key(item), row);
    }
    this.rows = rows;
    const wanted = [...rows.values()].map((row) => row.node);
    if (wanted.length !== this.body.children.length || wanted.some((node, i) => this.body.children[i] !== node)) {
      this.body.replaceChildren(...wanted);
    }
    this.empty.hidden = wanted.length !== 0;
  }

  #row() {
    const cells = this.columns.map((column) => h('td', { 'data-label': column.title, class: column.number ? 'number' : null }));
    return { cells, values: [], node: h('tr', {}, cells) };
  }

  #fill(row, item) {
    this.columns.forEach((column, i) => {
      const value = String(column.value(item));
      if (row.values[i] !== value) {
        row.values[i] = value;
        row.cells[i].replaceChildren(column.cell ? column.cell(item) : value);
      }
    });
  }
}
