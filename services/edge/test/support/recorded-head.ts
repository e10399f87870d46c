import type { RecordedRequest } from '@headgate/testkit';

/** All values of a header of a recorded request, whatever the case of its name. */
export function valuesOf(request: RecordedRequest | undefined, name: string): string[] {
  const lines = (request?.head ?? '').split('\r\n').slice(1);
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
  });
}

/** Request target of a recorded request. */
export function targetOf(request: RecordedRequest | undefined): string {
  return (request?.head ?? '').split(' ')[1] ?? '';
}
