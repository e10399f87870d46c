import type { Candidate } from '../../side-by-side/candidate.ts';
import { standardProfile, startEdge } from '../../side-by-side/start-edge.ts';
import { ACTIVE_TENANTS, TENANTS } from '../../side-by-side/settings.ts';
import type { Protection } from '../../side-by-side/tenant-documents.ts';
import { decisionFaults } from '../decision-faults.ts';
import { KEYS_ONLY, THREE_WINDOWS } from '../settings.ts';
import { redisMissing, startWithRedis } from './start-with-redis.ts';

const STANDARD =
  'standard profile of the benchmark proxy (10,000 tenants, access records, metrics, 1 % of ' +
  'traces) with an API key on each request';

/** Headgate with three windows per request. */
export const headgate = limitedEdge({
  name: 'headgate',
  description: `${STANDARD}; three exact windows in one script call of Redis`,
  protection: THREE_WINDOWS,
});

/** The same with a script call for every request, as tenants cause it that send too few for leases. */
export const headgateNoLeases = limitedEdge({
  name: 'headgate-no-leases',
  description: `${STANDARD}; three exact windows, and no leases: requests wait for Redis, those of one turn together`,
  protection: THREE_WINDOWS,
  env: { HEADGATE_LIMIT_LEASES: 'off' },
});

/** The same without limits: what the limiter costs is the difference. */
export const headgateLimitsOff = limitedEdge({
  name: 'headgate-limits-off',
  description: `${STANDARD}; no limits`,
  protection: KEYS_ONLY,
});

interface LimitedEdge extends Pick<Candidate, 'name' | 'description'> {
  readonly protection: Protection;
  /** Further settings. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
}

function limitedEdge({ name, description, protection, env: own }: LimitedEdge): Candidate {
  return {
    name,
    description,
    tenants: TENANTS,
    activeTenants: ACTIVE_TENANTS,
    missing: redisMissing,
    start: (context) =>
      startWithRedis((redis) => {
        const standard = standardProfile(name, TENANTS, context);
        const env = { ...standard.env, ...own, HEADGATE_REDIS_URL: redis.url };
        return startEdge({ ...standard, env, protection, findFaults: decisionFaults }, context);
      }),
  };
}
