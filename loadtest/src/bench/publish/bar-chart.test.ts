import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barChart } from './bar-chart.ts';

const bar = (label: string, value: number, isOwn = false) => {
  return { label, value, text: `${value} µs`, isOwn };
};

function chart(...bars: ReturnType<typeof bar>[]): string {
  return barChart({ title: 'CPU', subtitle: 'µs per request', bars });
}

/** Lengths of the bars, without the background. */
function lengths(svg: string): number[] {
  return [...svg.matchAll(/class="bar[^>]* width="(\d+)"/g)].map(([, width]) => Number(width));
}

test('lengths are in proportion to the values, and every value stands there as text', () => {
  const svg = chart(bar('headgate', 10, true), bar('haproxy', 5), bar('caddy', 40));
  const [headgate = 0, haproxy = 0, caddy = 0] = lengths(svg);
  assert.ok(Math.abs(headgate - caddy / 4) <= 1 && Math.abs(haproxy - caddy / 8) <= 1);
  for (const text of ['headgate', 'haproxy', 'caddy', '10 µs', '5 µs', '40 µs', 'µs per request']) {
    assert.ok(svg.includes(`>${text}</text>`), text);
  }
  assert.equal([...svg.matchAll(/class="bar own"/g)].length, 1);
});

test('nothing leaves the picture, and it is as high as it has bars', () => {
  const svg = chart(...Array.from({ length: 20 }, (_, index) => bar(`b${index}`, index)));
  const [, width = 0, height = 0] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? [];
  for (const [, y] of svg.matchAll(/ y="(\d+)"/g)) assert.ok(Number(y) < height);
  for (const [, x, length] of svg.matchAll(/class="bar[^>]* x="(\d+)"[^>]* width="(\d+)"/g)) {
    assert.ok(Number(x) + Number(length) < width - 60, 'room for the value');
  }
});

test('it has colours for light and for dark pages', () => {
  const svg = chart(bar('a', 1));
  assert.match(svg, /\.background \{ fill: #ffffff \}[^]*prefers-color-scheme: dark[^]*#0d1117/);
});

test('names cannot break out of the text; no bars and zeros are drawn', () => {
  const svg = chart(bar('<script>"&', 0));
  assert.ok(svg.includes('&lt;script&gt;&quot;&amp;'));
  assert.ok(!svg.includes('<script>'));
  assert.deepEqual(lengths(svg), [1]);
  assert.deepEqual(lengths(chart()), []);
});
