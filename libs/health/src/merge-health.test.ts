import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createActiveHealth,
  HEALTH_STALE_AFTER_MS,
  mergeHealth,
  receiveHealth,
} from './merge-health.ts';
import { createPassiveHealth } from './passive-health.ts';

function views() {
  return { active: createActiveHealth(), passive: createPassiveHealth({ ejectionBaseMs: 1000 }) };
}

test('merged health: an endpoint nobody has spoken of is healthy', () => {
  const { active, passive } = views();
  assert.equal(mergeHealth(active, passive, 0), true);
});

test('merged health: fresh central "unhealthy" removes it, stale does not', () => {
  const { active, passive } = views();
  receiveHealth(active, passive, 'unhealthy', 100);
  assert.equal(mergeHealth(active, passive, 100 + HEALTH_STALE_AFTER_MS - 1), false);
  assert.equal(mergeHealth(active, passive, 100 + HEALTH_STALE_AFTER_MS), true);
  assert.equal(mergeHealth(active, passive, 150, 40), true, 'a shorter limit of the caller');
});

test('merged health: a refresh keeps "unhealthy" fresh', () => {
  const { active, passive } = views();
  receiveHealth(active, passive, 'unhealthy', 0);
  receiveHealth(active, passive, 'unhealthy', HEALTH_STALE_AFTER_MS);
  assert.equal(mergeHealth(active, passive, HEALTH_STALE_AFTER_MS + 1), false);
});

test('merged health: the passive view ejects in spite of central "healthy"', () => {
  const { active, passive } = views();
  receiveHealth(active, passive, 'healthy', 0);
  passive.recordFailure(1, 'connect_refused');
  assert.equal(mergeHealth(active, passive, 2), false);
});

test('merged health: a repeated "healthy" does not end a passive ejection', () => {
  const { active, passive } = views();
  receiveHealth(active, passive, 'healthy', 0);
  passive.recordFailure(1, 'connect_refused');
  receiveHealth(active, passive, 'healthy', 2);
  assert.equal(mergeHealth(active, passive, 3), false);
});

test('merged health: a turn to "healthy" after a passive ejection ends it', () => {
  const { active, passive } = views();
  passive.recordFailure(1, 'connect_refused');
  receiveHealth(active, passive, 'unhealthy', 2);
  receiveHealth(active, passive, 'healthy', 3);
  assert.equal(mergeHealth(active, passive, 4), true);
});
