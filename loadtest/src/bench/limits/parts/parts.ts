import { denied } from './denied.ts';
import type { LimitsPart } from './limits-part.ts';
import { oneConnection } from './one-connection.ts';
import { oneTenant } from './one-tenant.ts';
import { threeWindows } from './three-windows.ts';

/** All parts, in the order in which they run, with the same running candidates. */
export const PARTS: readonly LimitsPart[] = [threeWindows, oneTenant, oneConnection, denied];
