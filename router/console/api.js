/* The HTTP API with one key. */

const PATIENCE_MS = 10000;

/** The router has answered, but not with what was asked for. Status 0: it has not answered at all. */
export class Refused extends Error {
  constructor(status, code, message, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

async function read(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body !== null) {
    return body;
  }
  const error = body?.error ?? {};
  throw new Refused(response.status, error.code ?? 'unknown',
    error.message ?? `the router answered with ${response.status}`, error.retryAfterMs ?? 0);
}

export class Api {
  constructor(key) {
    this.key = key;
  }

  /** call('GET', ['v1', 'users', name], {limit: 10}): parts and values may hold anything. */
  async call(method, parts, query = {}) {
    const url = new URL(`/${parts.map(encodeURIComponent).join('/')}`, location.origin);
    for (const [name, value] of Object.entries(query)) {
      if (value !== '' && value !== null && value !== undefined) {
        url.searchParams.set(name, value);
      }
    }
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
    try {
      return await read(await fetch(url, {
        method,
        headers: { Authorization: `Bearer ${this.key}` },
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: stop.signal,
      }));
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(0, 'no_answer', 'The router does not answer.');
    } finally {
      clearTimeout(timer);
    }
  }

  get(parts, query) {
    return this.call('GET', parts, query);
  }
}
