import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetryBudget } from './retry-budget.ts';

test('retry budget: a quiet upstream may retry a burst, then no more', () => {
  const budget = new RetryBudget();
  let granted = 0;
  while (budget.withdraw()) granted += 1;
  assert.equal(granted, 100);
  assert.equal(budget.refusals, 1);
});

test('retry budget: in the long run retries stay below a tenth of the requests', () => {
  const budget = new RetryBudget();
  while (budget.withdraw());
  let granted = 0;
  for (let request = 0; request < 10_000; request += 1) {
    budget.deposit();
    if (budget.withdraw()) granted += 1;
  }
  assert.equal(granted, 1000);
});

test('retry budget: quiet times do not save up more than a burst', () => {
  const budget = new RetryBudget();
  for (let request = 0; request < 10_000; request += 1) budget.deposit();
  let granted = 0;
  while (budget.withdraw()) granted += 1;
  assert.equal(granted, 100);
});
