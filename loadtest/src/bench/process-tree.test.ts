import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRssBytes, parseStat, treeCpuUs, treeOf, treeRssBytes } from './process-tree.ts';

/** A line of Linux 6.1; the four times are fields 14 to 17. */
function line(pid: number, name: string, parentPid: number, times: string): string {
  return `${pid} (${name}) S ${parentPid} ${pid} ${pid} 0 -1 4194304 1 2 3 4 ${times} 20 0 7 0 100 1 2`;
}

test('all four times count, and a name with parentheses and spaces does no harm', () => {
  for (const name of ['node', 'a b', ') S 1 1 (', '((']) {
    assert.deepEqual(parseStat(line(42, name, 7, '1 20 300 4000')), {
      pid: 42,
      parentPid: 7,
      ticks: 4321,
    });
  }
});

test('what is no line of /proc is refused', () => {
  const cut = line(1, 'x', 0, '').trimEnd().split(' ').slice(0, 16).join(' ');
  for (const text of ['', '12 node S 1', line(1, 'x', 0, '1 2 x 4'), cut]) {
    assert.throws(() => parseStat(text), /not a line/);
  }
});

test('a tree is the process and its descendants, nobody else', () => {
  const processes = [
    { pid: 1, parentPid: 0, ticks: 1000 },
    { pid: 10, parentPid: 1, ticks: 1 },
    { pid: 12, parentPid: 11, ticks: 4 },
    { pid: 11, parentPid: 10, ticks: 2 },
    { pid: 20, parentPid: 1, ticks: 500 },
  ];
  const pids = (root: number) => treeOf(processes, root).map(({ pid }) => pid);
  assert.deepEqual(pids(10), [10, 11, 12]);
  assert.deepEqual(pids(12), [12]);
  assert.throws(() => pids(99), /99 does not run/);
});

test('the CPU time of this process rises by what it works', async () => {
  if (process.platform !== 'linux') {
    await assert.rejects(treeCpuUs(process.pid)); // there is no /proc
    return;
  }
  const before = await treeCpuUs(process.pid);
  const usedBefore = process.cpuUsage();
  while (process.cpuUsage(usedBefore).user < 100_000) Math.sqrt(2);
  const usedUs = (await treeCpuUs(process.pid)) - before;
  assert.ok(usedUs >= 80_000, `${usedUs} µs`);
});

test('resident memory is read in bytes, and a process that is ending has none', () => {
  assert.equal(
    parseRssBytes('Name:\tnode\nVmHWM:\t  9 kB\nVmRSS:\t  1234 kB\nThreads:\t1\n'),
    1_263_616,
  );
  assert.equal(parseRssBytes('Name:\tnode\nState:\tZ (zombie)\n'), 0);
});

test('the memory of this process rises by what it fills', async () => {
  if (process.platform !== 'linux') {
    await assert.rejects(treeRssBytes(process.pid)); // there is no /proc
    return;
  }
  const before = await treeRssBytes(process.pid);
  const filled = Buffer.alloc(64 * 1024 * 1024, 1);
  const grownBytes = (await treeRssBytes(process.pid)) - before;
  assert.ok(grownBytes >= filled.length * 0.8, `${grownBytes} bytes`);
});
