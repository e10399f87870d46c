import { body } from './body.ts';
import { idle } from './idle.ts';
import type { ProxyPart } from './proxy-part.ts';
import { rate } from './rate.ts';
import { small } from './small.ts';
import { tenants } from './tenants.ts';
import { tls } from './tls.ts';

/** Parts that use the same running candidates, in the order in which they run. */
export const SHARING_PARTS: readonly ProxyPart[] = [small, rate, body, tls];

/** Parts that start processes of their own, after the others are stopped. */
export const SEPARATE_PARTS: readonly ProxyPart[] = [idle, tenants];
