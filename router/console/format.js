/* Numbers and times as people read them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumFractionDigits: 1, notation: 'compact' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const count = (n) => whole.format(n);

/** 12, 3.4, 12.3K */
export function brief(n) {
  return n >= 10000 ? short.format(n) : n >= 100 || Number.isInteger(n) ? whole.format(n) : n.toFixed(n < 1 ? 2 : 1);
}

/** many(1, 'room') is 1 room, many(2, 'room') 2 rooms. */
export const many = (n, what) => `${count(n)} ${what}${n === 1 ? '' : 's'}`;

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) {
    n /= 1024;
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) {
    return `${s} s`;
  }
  if (s < 3600) {
    return `${Math.floor(s / 60)} min ${s % 60} s`;
  }
  return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
    : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const ago = (ms) => (ms < 1500 ? 'now' : `${duration(ms)} ago`);

/** Microseconds. */
export function micros(us) {
  return us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(us < 10000 ? 2 : 1)} ms`;
}

export const time = (ms) => clock.format(ms);
export const dateTime = (ms) => date.format(ms);

/** With the day when it is not today. */
export const when = (ms) => (new Date(ms).toDateString() === new Date().toDateString() ? time(ms) : dateTime(ms));

/** A long name in a small place. */
export const cut = (text, max) => (text.length > max ? `${text.slice(0, max - 1)}…` : text);
