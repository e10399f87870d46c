import { systemClock, systemRandom, systemTimers } from '@headgate/runtime';
import { FetchLanes } from '../../src/jwt/fetch-lanes.ts';
import { IssuerKeys } from '../../src/jwt/issuer-keys.ts';

/** Keys of issuers for tenants that have none to fetch. */
export function noIssuerKeys(): IssuerKeys {
  return new IssuerKeys({
    clock: systemClock,
    random: systemRandom,
    lanes: new FetchLanes({ clock: systemClock, ...systemTimers }),
    fetchText: () => Promise.reject(new Error('nothing is fetched here')),
    onFetched: () => undefined,
  });
}
