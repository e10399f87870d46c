import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Role } from '@headgate/model';
import { PERMISSIONS } from './permissions.ts';

test('the table of docs/access.md says which role has which permission', async () => {
  const page = await readFile(new URL('../../../../docs/access.md', import.meta.url), 'utf8');
  const [, section = ''] = /^## Roles\n(.*?)^## /ms.exec(page) ?? [];
  const table = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
    .filter(([first]) => first?.startsWith('-') === false);
  const rows = Object.entries(PERMISSIONS).flatMap(([name, { roles }]) => {
    if (roles === null) return [];
    const held: readonly string[] = roles;
    return [[`\`${name}\``, ...Role.options.map((role) => (held.includes(role) ? 'yes' : 'no'))]];
  });
  assert.deepEqual(table, [['Permission', ...Role.options], ...rows]);
});
