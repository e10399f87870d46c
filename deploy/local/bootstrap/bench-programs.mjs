/**
 * What the benchmarks start beside the workspace's own programs.
 *
 * @typedef {{needed: readonly string[], optional: readonly string[]}} Programs
 * @type {Readonly<Record<string, Programs>>}
 */
const PROGRAMS = {
  // The peers that are not there are left out of the comparison.
  proxy: { needed: ['wrk', 'nginx'], optional: ['haproxy', 'caddy'] },
  limits: { needed: ['wrk', 'nginx', 'redis-server'], optional: [] },
  config: { needed: ['wrk', 'nginx', 'redis-server', 'nats-server'], optional: ['haproxy'] },
  micro: { needed: ['redis-server'], optional: [] },
};

/**
 * @param {readonly string[]} extra the arguments of `npm run bench`
 * @returns {Programs} none for the list, the help text and `publish`
 */
export function benchPrograms(extra) {
  const asked = extra.includes('--help') || extra.includes('-h') ? [] : extra;
  const name = Object.keys(PROGRAMS).find((benchmark) => asked.includes(benchmark));
  return PROGRAMS[name ?? ''] ?? { needed: [], optional: [] };
}
