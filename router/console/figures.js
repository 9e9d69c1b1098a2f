/* The figures over time: an hour from the router, then one more every time that somebody asks. */

const HOUR_MS = 3600000;
const APART_MS = 900; // a rate over less says little

const sum = (figures, prefix) => Object.entries(figures)
  .reduce((all, [name, value]) => (name.startsWith(prefix) ? all + value : all), 0);

function sampleOf(stats, edges) {
  const f = stats.figures;
  return {
    at: stats.asOf,
    incarnation: stats.router.incarnation,
    connections: f.connections,
    users: f.users_online,
    rooms: f.rooms,
    edges: edges.length,
    canaryUs: Math.max(0, ...edges.map((edge) => edge.canaryUs)),
    messages: f.room_messages + f.direct_messages,
    deliveries: f.deliveries,
    commands: sum(f, 'commands.'),
    commandsRefused: sum(f, 'errors.'),
    connectionsRefused: sum(f, 'refused_') + f.auth_failed,
    commits: f['engine.commits'],
    commitUs: f['engine.commit_us_total'],
  };
}

/** The series on the wall of time that a chart draws: {at: […], values: […]}, null where unknown. */
export class Figures {
  constructor(api) {
    this.api = api;
    this.samples = [];
    this.stats = null;
    this.edges = [];
  }

  async load() {
    const { samples } = await this.api.get(['v1', 'series'], { limit: 720 });
    this.samples = samples;
  }

  /** Asks for the newest; true when the router is another one than last time. */
  async refresh() {
    const [stats, { edges }] = await Promise.all([this.api.get(['v1', 'stats']), this.api.get(['v1', 'edges'])]);
    const restarted = this.stats !== null && this.stats.router.incarnation !== stats.router.incarnation;
    this.stats = stats;
    this.edges = edges;
    if (this.samples.length === 0 || stats.asOf >= this.samples.at(-1).at + APART_MS) {
      this.samples.push(sampleOf(stats, edges));
    }
    const oldest = stats.asOf - HOUR_MS;
    this.samples = this.samples.filter((sample) => sample.at >= oldest);
    return restarted;
  }

  /** What a gauge was. */
  gauge(name) {
    return this.samples.map((sample) => sample[name]);
  }

  /** By how much a counter grew, per second, or per growth of another counter. */
  rate(name, by = null) {
    return this.samples.map((sample, i) => {
      const before = this.samples[i - 1];
      const grown = before === undefined ? -1 : sample[name] - before[name];
      const base = before === undefined ? 0 : by === null ? (sample.at - before.at) / 1000 : sample[by] - before[by];
      return grown < 0 || base <= 0 ? null : grown / base;
    });
  }

  at() {
    return this.samples.map((sample) => sample.at);
  }
}
