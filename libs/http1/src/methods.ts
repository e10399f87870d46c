import { LOWER } from './bytes.ts';

const STANDARD = ['GET', 'POST', 'PUT', 'HEAD', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const REFUSED = ['connect', 'trace'] as const;

/**
 * The shared string of a standard method in `bytes[start, end)`; '' for any other.
 * @hot
 */
export function standardMethod(bytes: Uint8Array, start: number, end: number): string {
  for (let m = 0; m < STANDARD.length; m++) {
    const method = STANDARD[m] ?? '';
    if (method.length !== end - start || method.charCodeAt(0) !== bytes[start]) continue;
    let i = 1;
    while (i < method.length && method.charCodeAt(i) === bytes[start + i]) i++;
    if (i === method.length) return method;
  }
  return '';
}

/**
 * Whether the method is CONNECT or TRACE in any case: methods are case-sensitive, but a server
 * behind the edge may not know.
 */
export function isRefusedMethod(bytes: Uint8Array, start: number, end: number): boolean {
  for (const method of REFUSED) {
    if (method.length !== end - start) continue;
    let i = 0;
    while (i < method.length && method.charCodeAt(i) === LOWER[bytes[start + i] ?? 0]) i++;
    if (i === method.length) return true;
  }
  return false;
}
