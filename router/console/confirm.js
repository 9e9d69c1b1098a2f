/* A question before something happens that cannot be taken back. */

import { h } from './dom.js';

/**
 * Resolves with the values of the fields, or null. `fields` are {name, label, value, options?}; the
 * focus starts on Cancel and goes back to where it came from.
 */
export function confirm({ title, text, action, fields = [] }) {
  return new Promise((resolve) => {
    const inputs = fields.map((field) => [field, field.options
      ? h('select', { name: field.name }, field.options.map(([value, label]) => h('option', { value }, label)))
      : h('input', { name: field.name, maxlength: 120, placeholder: field.value ?? '', autocomplete: 'off' })]);
    const cancel = h('button', { type: 'button', value: 'cancel', onclick: () => dialog.close() }, 'Cancel');
    const values = () => Object.fromEntries(inputs.map(([field, input]) => [field.name, input.value.trim()]));
    const form = h('form', {
      onsubmit: (event) => {
        event.preventDefault();
        resolve(values());
        dialog.close();
      },
    },
    h('h2', { id: 'dialog-title' }, title),
    h('p', { id: 'dialog-text', class: 'muted' }, text),
    inputs.map(([field, input]) => h('label', {}, field.label, input)),
    h('div', { class: 'row end' }, cancel, h('button', { type: 'submit', class: 'danger primary' }, action)));
    const dialog = h('dialog', {
      class: 'panel',
      'aria-labelledby': 'dialog-title',
      'aria-describedby': 'dialog-text',
      onclose: () => {
        dialog.remove();
        resolve(null);
      },
    }, form);
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  });
}
