/** Share of decisions that may be made without Redis: those before its connection is up. */
const WITHOUT_REDIS_MAX = 0.001;

const DECISION = /^headgate_limit_decisions_total\{(.*)\} (\S+)$/gm;

/** Sources of decisions for which Redis is in use; a lease and a denial from memory have been Redis's own. */
const WITH_REDIS = ['source="store"', 'source="lease"', 'source="deny_cache"'];

/**
 * What an edge's metrics tell against its figures: limits that were enforced without Redis, or not at all, are less
 * work.
 *
 * @param metrics Prometheus text
 */
export function decisionFaults(metrics: string): readonly string[] {
  let all = 0;
  let withoutRedis = 0;
  for (const [, labels = '', value] of metrics.matchAll(DECISION)) {
    const count = Number(value);
    all += count;
    const isWithRedis =
      !labels.includes('outcome="unavailable"') &&
      WITH_REDIS.some((source) => labels.includes(source));
    if (!isWithRedis) withoutRedis += count;
  }
  if (withoutRedis <= all * WITHOUT_REDIS_MAX) return [];
  return [`${withoutRedis} of ${all} limit decisions were made without Redis`];
}
