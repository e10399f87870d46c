import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatementNames } from './preparing-pool.ts';

const namesOf = (names: StatementNames, statement: string, uses: number) =>
  Array.from({ length: uses }, () => names.nameOf(statement));

test('a statement is prepared from its sixth use on, always under the same name', () => {
  const names = new StatementNames();
  const first = namesOf(names, 'select id from plans where id = $1', 7);
  assert.deepEqual(first.slice(0, 5), Array(5).fill(undefined));
  assert.match(first[5] ?? '', /^headgate_\d+$/);
  assert.equal(first[6], first[5]);
  const second = namesOf(names, 'select id from tenants where id = $1', 6).at(-1);
  assert.notEqual(second, first[5]);
});

test('what gives all columns of a table is not prepared, as a newer replica may add some', () => {
  const names = new StatementNames();
  for (const statement of [
    'select * from "plans" where id = $1',
    '\n  SELECT * from plans where id = $1',
    'insert into plans (id) values ($1) returning *',
  ]) {
    assert.deepEqual(new Set(namesOf(names, statement, 10)), new Set([undefined]), statement);
  }
  const fixed =
    'with entry as (select * from unnest($1::text[]) as entry (key)) select key from entry';
  assert.notEqual(namesOf(names, fixed, 10).at(-1), undefined);
});

test('the number of prepared statements is bounded', () => {
  const names = new StatementNames();
  const prepared = new Set<string>();
  for (let index = 0; index < 1000; index++) {
    const name = namesOf(names, `select ${index} where $1`, 6).at(-1);
    if (name !== undefined) prepared.add(name);
  }
  assert.equal(prepared.size, 100);
});
