/* Which key: asked for, tried, and kept until the tab is closed. */

import { Api } from './api.js';
import { h, say } from './dom.js';

const KEPT = 'splitrail-api-key';

const WHY = {
  unauthorized: 'This router does not know that key. Check that it is complete, and that the router has read its file of keys again (SIGHUP).',
  api_disabled: 'This router has no keys at all: start it with --api-keys-file.',
  unknown_path: 'This router is older than this page and cannot tell what a key may do.',
};

export const forget = () => sessionStorage.removeItem(KEPT);

/** {api, name, scopes} of the kept key, null without one. Throws what the router says against it. */
export async function resume() {
  const key = sessionStorage.getItem(KEPT);
  return key === null ? null : admit(key);
}

async function admit(key) {
  const api = new Api(key);
  const { name, scopes } = await api.get(['v1', 'key']);
  sessionStorage.setItem(KEPT, key);
  return { api, name, scopes };
}

export function explain(error) {
  return WHY[error.code] ?? error.message;
}

/** The page that asks. `why` is shown at once; `onDone` gets what resume() gives. */
export function loginPage(why, onDone) {
  const error = h('p', { class: 'error-text', role: 'alert', id: 'login-error' }, why);
  const input = h('input', {
    type: 'password', id: 'key', autocomplete: 'off', spellcheck: 'false', required: true,
    'aria-describedby': 'login-error',
  });
  const button = h('button', { type: 'submit', class: 'primary' }, 'Open the console');
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(error, '');
    try {
      const key = input.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) {
        throw new Error('A key has no blanks and no special letters in it.');
      }
      onDone(await admit(key));
    } catch (problem) {
      say(error, explain(problem));
      input.select();
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  return h('main', { class: 'login' },
    h('form', { class: 'panel', onsubmit: submit },
      h('p', { class: 'brand' }, h('img', { src: 'icon.svg', alt: '' }), 'Splitrail'),
      h('div', {}, h('h1', {}, 'Console'),
        h('p', { class: 'muted' }, 'Sign in with a key of the HTTP API. It stays in this tab until you close it.')),
      h('label', { for: 'key' }, 'API key'), input, error, button,
      h('p', { class: 'muted small' }, 'Make one with ', h('code', {}, 'splitrailctl apikey NAME --scope read,admin'),
        ' and put its line into the file of ', h('code', {}, '--api-keys-file'), '.')),
    h('p', { class: 'row' }, h('a', { href: 'demo.html' }, 'Open the demo chat'),
      h('button', { type: 'button', class: 'quiet slim', 'data-theme-switch': true }, 'Theme')));
}
