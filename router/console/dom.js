/* Elements without markup: what is text stays text, whoever wrote it. */

const SVG = 'http://www.w3.org/2000/svg';

function finish(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** h('a', {href: '#/'}, 'text', child): an HTML element. */
export function h(tag, props, ...children) {
  return finish(document.createElement(tag), props, children);
}

/** The same of SVG. */
export function svg(tag, props, ...children) {
  return finish(document.createElementNS(SVG, tag), props, children);
}

/** Sets the text only if it is another, so that nothing flickers and nothing is read out twice. */
export function say(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

let toasts = null;

/** Tells something in the corner for a while; kind is good, bad or empty. */
export function toast(text, kind = '') {
  toasts ??= document.body.appendChild(h('div', { class: 'toasts', role: 'status' }));
  const node = h('p', { class: `toast panel ${kind}` }, text);
  toasts.append(node);
  setTimeout(() => node.remove(), kind === 'bad' ? 9000 : 5000);
}
