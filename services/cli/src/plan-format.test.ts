import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createColors } from 'picocolors';
import { countChanges, formatCounts, formatPlan } from './plan-format.ts';
import type { Change } from './replies.ts';

const changes: readonly Change[] = [
  { action: 'delete', kind: 'route', tenantId: 'acme', id: 'old', fields: [] },
  { action: 'unchanged', kind: 'tenant', id: 'acme', fields: [] },
  {
    action: 'update',
    kind: 'upstream',
    tenantId: 'acme',
    id: 'web',
    fields: ['endpoints', 'picker'],
  },
  { action: 'create', kind: 'tenant', id: 'globex', fields: [] },
  { action: 'create', kind: 'apiKey', tenantId: 'globex', id: 'ci', fields: [] },
  { action: 'create', kind: 'route', tenantId: 'globex', id: 'web', fields: [] },
  { action: 'update', kind: 'sharedUpstream', id: 'mail', fields: ['endpoints'] },
  { action: 'update', kind: 'plan', id: 'gold', fields: ['limits'] },
  { action: 'unchanged', kind: 'plan', id: 'trial', fields: [] },
];

test('a plan lists plans and shared upstreams first, then each tenant with what belongs to it', () => {
  assert.equal(
    formatPlan(changes, createColors(false)),
    [
      '~ plan gold  limits',
      '~ shared upstream mail  endpoints',
      '  tenant acme',
      '  ~ upstream web  endpoints, picker',
      '  - route old',
      '+ tenant globex',
      '  + route web',
      '  + API key ci',
    ].join('\n'),
  );
});

test('what stays as it is only counts', () => {
  assert.equal(
    formatCounts(countChanges(changes)),
    '3 to create, 3 to update, 1 to delete, 2 unchanged',
  );
});

test('with colours the text is the same', () => {
  const colored = formatPlan(changes, createColors(true));
  assert.equal(colored.replace(/\u001b\[\d+m/g, ''), formatPlan(changes, createColors(false)));
  assert.match(colored, /\u001b\[32m\+ tenant globex/);
});
