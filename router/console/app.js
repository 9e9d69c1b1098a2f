/* The console: signing in, which view is shown, and asking again and again. */

import { overview } from './cluster.js';
import { h, say, toast } from './dom.js';
import { edges } from './edges.js';
import { Figures } from './figures.js';
import * as format from './format.js';
import { rooms, users } from './lists.js';
import { explain, forget, loginPage, resume } from './login.js';
import { room } from './room.js';
import { user } from './user.js';

const TICK_MS = 2000;
const VIEWS = [
  ['', 'Overview', overview], ['edges', 'Edges', edges], ['users', 'Users', users], ['rooms', 'Rooms', rooms],
];
const WHAT = {
  forbidden: 'This key may not do that.',
  not_found: 'That is not there (any more).',
  too_many_requests: 'More was asked than --api-rate allows for this key; asking again.',
};
const DETAILS = { users: user, rooms: room };

class Console {
  constructor({ api, name, scopes }) {
    this.api = api;
    this.scopes = scopes;
    this.figures = new Figures(api);
    this.ticks = 0;
    this.lostAt = null;
    this.busy = false;
    this.view = null;
    this.nav = VIEWS.map(([path, label]) => h('a', { href: `#/${path}` }, label));
    this.pill = h('span', { class: 'pill' }, 'asking…');
    this.alarm = h('p', { class: 'alarm bad', role: 'alert', hidden: true });
    this.main = h('main', { id: 'main' });
    this.node = h('div', { class: 'shell' },
      h('a', { class: 'skip', href: '#main', onclick: (event) => this.#skip(event) }, 'Skip to the content'),
      h('header', { class: 'bar' },
        h('a', { class: 'brand', href: '#/' }, h('img', { src: 'icon.svg', alt: '' }), 'Splitrail'),
        h('nav', { 'aria-label': 'Views' }, this.nav, h('a', { href: 'demo.html' }, 'Demo')),
        h('div', { class: 'row account' }, this.pill,
          h('span', { class: 'muted small', title: 'Key and its scopes' }, `${name}: ${scopes.join(', ')}`),
          h('button', { type: 'button', class: 'quiet slim', 'data-theme-switch': true }, 'Theme'),
          h('button', { type: 'button', class: 'quiet slim', onclick: () => signOut('') }, 'Sign out'))),
      h('div', { class: 'content' }, this.alarm, this.main));
    this.onHash = () => this.#route();
    this.context = {
      api,
      figures: this.figures,
      can: (scope) => scopes.includes(scope),
      attempt: (action) => this.#attempt(action),
      now: () => this.figures.stats?.asOf ?? Date.now(),
    };
  }

  async start() {
    document.body.replaceChildren(this.node);
    addEventListener('hashchange', this.onHash);
    if (!this.scopes.includes('read')) {
      this.main.append(h('p', { class: 'panel empty' }, 'This key may not read: the console has nothing to show. Sign in with a key of scope read.'));
      say(this.pill, 'no scope read');
      return;
    }
    await this.#attempt(() => this.figures.load());
    this.#route();
    this.timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    removeEventListener('hashchange', this.onHash);
    clearInterval(this.timer);
    this.view?.close?.();
  }

  #skip(event) {
    event.preventDefault();
    this.main.querySelector('h1')?.focus();
  }

  #route() {
    const [first = '', second] = location.hash.replace(/^#\/?/, '').split('/');
    const make = VIEWS.find(([path]) => path === first)?.[2] ?? overview;
    let name = null;
    try {
      name = second === undefined || second === '' ? null : decodeURIComponent(second);
    } catch {
      name = null; // nobody's name is spelled like this
    }
    const moved = this.view !== null;
    this.view?.close?.();
    this.view = name !== null && first in DETAILS ? DETAILS[first](this.context, name) : make(this.context);
    this.main.replaceChildren(this.view.node);
    document.title = `${format.cut(this.view.title, 60)} – Splitrail`;
    VIEWS.forEach(([path], i) => {
      this.nav[i].toggleAttribute('aria-current', path === first);
      if (path === first) {
        this.nav[i].setAttribute('aria-current', 'page');
      }
    });
    if (moved) {
      scrollTo(0, 0);
      this.main.querySelector('h1')?.focus({ preventScroll: true });
    }
    this.#tick(true);
  }

  async #tick(atOnce = false) {
    if ((this.busy && !atOnce) || (document.hidden && !atOnce)) {
      return;
    }
    this.busy = true;
    const view = this.view;
    await this.#attempt(async () => {
      if (await this.figures.refresh()) {
        toast('The router was started again. Counters begin anew.');
      }
      this.#showRouter();
      if (atOnce || this.ticks++ % (view.every ?? 1) === 0) {
        await view.refresh();
      }
      this.alarm.hidden = true;
    }, (text) => this.#alarm(text));
    this.busy = false;
  }

  #showRouter() {
    const { router } = this.figures.stats;
    this.pill.className = `pill ${router.ready ? 'good' : 'warn'}`;
    say(this.pill, `${format.cut(router.routerId, 24)} ${router.ready ? 'is ready' : 'is not ready'}`);
  }

  /** Does it; tells what went wrong. */
  async #attempt(action, tell = (text) => toast(text, 'bad')) {
    try {
      await action();
      this.lostAt = null;
    } catch (error) {
      this.#failed(error, tell);
    }
  }

  #alarm(text) {
    this.alarm.hidden = false;
    say(this.alarm, text);
  }

  #failed(error, tell) {
    if (error.status === 401) {
      signOut('The router does not know this key any more.');
    } else if (error.status === 0) {
      this.lostAt ??= Date.now();
      this.#alarm(`No answer from the router since ${format.time(this.lostAt)}; asking again. What is shown is from then.`);
      this.pill.className = 'pill bad';
      say(this.pill, 'no answer');
    } else if (error.status === undefined) {
      throw error; // ours
    } else {
      tell(WHAT[error.code] ?? error.message);
    }
  }
}

let shown = null;

function leave(why) {
  shown?.stop();
  shown = null;
  document.title = 'Splitrail console';
  document.body.replaceChildren(loginPage(why, enter));
  document.dispatchEvent(new Event('theme-switch-new'));
  document.getElementById('key').focus();
}

function signOut(why) {
  forget();
  leave(why);
}

function enter(session) {
  shown = new Console(session);
  shown.start();
  document.dispatchEvent(new Event('theme-switch-new'));
}

resume().then((session) => (session === null ? leave('') : enter(session)), (error) => leave(explain(error)));
