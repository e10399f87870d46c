import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildPlanDocument, type BuiltDocument } from './build-document.ts';
import { publishSteps } from './publish-steps.ts';

const tenant = (id: string, deleted = false): BuiltDocument => ({
  ...buildPlanDocument(id, null, 1),
  ...{ key: `tenant.${id}`, kind: 'tenant', deleted },
});

test('plans come before tenants, and go after them', () => {
  const documents = [
    tenant('moved'),
    buildPlanDocument('old', null, 4),
    tenant('gone', true),
    { ...buildPlanDocument('fresh', null, 5), deleted: false },
  ];
  const keys = publishSteps(documents).map((step) => step.map(({ key }) => key));
  assert.deepEqual(keys, [['plan.fresh'], ['tenant.moved', 'tenant.gone'], ['plan.old']]);
});
