import assert from 'node:assert/strict';
import { parseSource } from '../src/bundle-source.ts';
import { checkBundle } from '../src/faults.ts';
import { bundleOfKong } from '../src/kong/read-kong.ts';

/** The tenant that a file of Kong becomes, and what is told about it; JSON will do for YAML. */
export function translateKongText(text: string, acceptLosses = false) {
  const told: string[] = [];
  const options = { tenantId: 'shop', planId: 'gold', acceptLosses };
  const source = bundleOfKong(parseSource('kong.yaml', text), options, {
    note: (line) => told.push(line),
  });
  const { tenants } = checkBundle(source);
  const [tenant] = Object.values(tenants);
  assert.ok(tenant);
  return { tenant, told: told.join('\n') };
}

/** The places of faults in lines that were told, in their order. */
export function placesIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^ *kong\.yaml:\d+:\d+ {2}([^ ]+)/.exec(line)?.[1] ?? []);
}
