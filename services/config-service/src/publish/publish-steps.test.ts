import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildSharedDocument, type BuiltDocument } from './build-document.ts';
import { publishSteps } from './publish-steps.ts';

const tenant = (id: string, deleted = false): BuiltDocument => ({
  ...buildSharedDocument('plan', id, null, 1),
  ...{ key: `tenant.${id}`, kind: 'tenant', deleted },
});

for (const kind of ['plan', 'upstream'] as const) {
  test(`documents of kind ${kind} come before tenants, and go after them`, () => {
    const documents = [
      tenant('moved'),
      buildSharedDocument(kind, 'old', null, 4),
      tenant('gone', true),
      { ...buildSharedDocument(kind, 'fresh', null, 5), deleted: false },
    ];
    const keys = publishSteps(documents).map((step) => step.map(({ key }) => key));
    assert.deepEqual(keys, [[`${kind}.fresh`], ['tenant.moved', 'tenant.gone'], [`${kind}.old`]]);
  });
}
