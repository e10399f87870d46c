import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCalendar, type QuotaPeriod } from './calendar.ts';

const at = (text: string): number => Date.parse(text);
const iso = (timeMs: number): string => new Date(timeMs).toISOString().replace('.000Z', 'Z');

const cases: readonly [string, QuotaPeriod, string, string, string, string][] = [
  ['a day', 'day', 'UTC', '2026-05-05T12:00:00Z', '2026-05-05T00:00:00Z', '2026-05-06T00:00:00Z'],
  [
    'a day of 23 hours',
    ...(['day', 'Europe/Berlin', '2026-03-29T12:00:00Z'] as const),
    ...(['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'] as const),
  ],
  [
    'a day of 25 hours',
    ...(['day', 'Europe/Berlin', '2026-10-25T22:30:00Z'] as const),
    ...(['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'] as const),
  ],
  [
    'a day without a midnight',
    ...(['day', 'America/Santiago', '2026-09-06T12:00:00Z'] as const),
    ...(['2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z'] as const),
  ],
  [
    'an hour of a zone that is half an hour off',
    ...(['hour', 'Asia/Kolkata', '2026-05-05T12:15:00Z'] as const),
    ...(['2026-05-05T11:30:00Z', '2026-05-05T12:30:00Z'] as const),
  ],
  [
    'the hour that clocks show for the second time',
    ...(['hour', 'Europe/Berlin', '2026-10-25T01:59:59.999Z'] as const),
    ...(['2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'] as const),
  ],
  [
    'the hour before clocks go back by half an hour',
    ...(['hour', 'Australia/Lord_Howe', '2026-04-04T14:59:59.999Z'] as const),
    ...(['2026-04-04T14:00:00Z', '2026-04-04T15:00:00Z'] as const),
  ],
  [
    'the half hour that clocks show for the second time',
    ...(['hour', 'Australia/Lord_Howe', '2026-04-04T15:00:00Z'] as const),
    ...(['2026-04-04T15:00:00Z', '2026-04-04T15:30:00Z'] as const),
  ],
  [
    'the half hour after clocks went forward',
    ...(['hour', 'Australia/Lord_Howe', '2026-10-03T15:45:00Z'] as const),
    ...(['2026-10-03T15:30:00Z', '2026-10-03T16:00:00Z'] as const),
  ],
  [
    'a week, from Monday',
    ...(['week', 'America/New_York', '2026-11-01T12:00:00Z'] as const),
    ...(['2026-10-26T04:00:00Z', '2026-11-02T05:00:00Z'] as const),
  ],
  [
    'February of a leap year',
    ...(['month', 'Pacific/Auckland', '2028-02-29T10:00:00Z'] as const),
    ...(['2028-01-31T11:00:00Z', '2028-02-29T11:00:00Z'] as const),
  ],
];

for (const [name, period, zone, now, start, end] of cases) {
  test(`${name}: ${start} to ${end}`, () => {
    const [, from, to] = createCalendar(period, zone).edgesAt(at(now));
    assert.deepEqual([iso(from), iso(to)], [start, end]);
  });
}

test('periods follow each other without a gap, and every time is in the middle one', () => {
  for (const period of ['hour', 'day', 'week', 'month'] as const) {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Africa/Cairo']) {
      let edges = createCalendar(period, zone).edgesAt(at('2026-01-01T00:00:00Z'));
      for (let step = 0; step < 1500; step += 1) {
        const next = createCalendar(period, zone).edgesAt(edges[2]);
        assert.deepEqual([next[0], next[1], next[2]], [edges[1], edges[2], edges[3]]);
        assert.ok(next[1] < next[2] && next[2] < next[3]);
        edges = next;
      }
    }
  }
});

test('whatever was asked before, a calendar says the same, also where clocks change by half an hour', () => {
  const timeZone = 'Australia/Lord_Howe';
  for (const from of ['2026-04-04T12:00:00Z', '2026-10-03T12:00:00Z']) {
    const kept = createCalendar('hour', timeZone);
    for (let minute = 0; minute < 360; minute += 5) {
      const timeMs = at(from) + minute * 60_000;
      assert.deepEqual(kept.edgesAt(timeMs), createCalendar('hour', timeZone).edgesAt(timeMs));
    }
  }
});

test('a zone that nobody knows is refused', () => {
  assert.throws(() => createCalendar('day', 'Mars/Olympus'), RangeError);
});
