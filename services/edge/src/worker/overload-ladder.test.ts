import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { OverloadLadder, type OverloadSigns } from './overload-ladder.ts';

const CALM = { lagMs: 1, memoryShare: 0.2 };
const LOOK_MS = 50;

/** A ladder with a clock; `feed` gives it the same signs for a while and returns the levels it went through. */
function createScene() {
  let nowMs = 0;
  const ladder = new OverloadLadder(nowMs);
  return {
    ladder,
    sheds: (): boolean => ladder.sheds(nowMs),
    feed: (signs: OverloadSigns, forMs: number): number[] => {
      const levels = [ladder.level as number];
      const untilMs = nowMs + forMs;
      while (nowMs < untilMs) {
        nowMs += LOOK_MS + signs.lagMs;
        ladder.observe(nowMs, signs);
        if (levels.at(-1) !== ladder.level) levels.push(ladder.level);
      }
      return levels;
    },
  };
}

suite('what is no overload', () => {
  const healthy: readonly [string, number][] = [
    ['an idle loop', 1],
    ['1,000 connections that keep a loop busy, turn after turn', 100],
    ['just below the first level', 199],
  ];
  for (const [title, lagMs] of healthy) {
    test(title, () => {
      const { ladder, feed, sheds } = createScene();
      assert.deepEqual(feed({ lagMs, memoryShare: 0.8 }, 60_000), [0]);
      assert.deepEqual([sheds(), ladder.letsGo()], [false, false]);
    });
  }

  test('a pause of seconds now and then: garbage collection, a stopped process', () => {
    const { feed } = createScene();
    for (let round = 0; round < 50; round += 1) {
      assert.deepEqual(feed({ lagMs: 3000, memoryShare: 0.2 }, 1), [0]);
      assert.deepEqual(feed({ lagMs: 3000, memoryShare: 0.2 }, 1), [0]);
      assert.deepEqual(feed(CALM, 500), [0]);
    }
  });
});

suite('levels', () => {
  const levels: readonly [string, OverloadSigns, number[]][] = [
    ['lag of 200 ms', { lagMs: 200, memoryShare: 0.2 }, [0, 1]],
    ['lag of 300 ms', { lagMs: 300, memoryShare: 0.2 }, [0, 2]],
    ['lag of 600 ms', { lagMs: 600, memoryShare: 0.2 }, [0, 3]],
    ['85 % of the memory', { lagMs: 1, memoryShare: 0.85 }, [0, 1]],
    ['92 % of the memory', { lagMs: 1, memoryShare: 0.92 }, [0, 2]],
    ['95 % of the memory', { lagMs: 1, memoryShare: 0.95 }, [0, 3]],
    ['the worse of both', { lagMs: 200, memoryShare: 0.95 }, [0, 3]],
  ];
  for (const [title, signs, expected] of levels) {
    test(`${title}: ${expected.join(' to ')}, and back to 0 when it is over`, () => {
      const { feed, ladder, sheds } = createScene();
      assert.deepEqual(feed(signs, 3000), expected);
      assert.equal(feed(CALM, 10_000).at(-1), 0);
      assert.deepEqual([ladder.shedShare, sheds(), ladder.letsGo()], [0, false, false]);
    });
  }

  test('a level that has begun stays while the sign is above half of it', () => {
    const { feed } = createScene();
    feed({ lagMs: 300, memoryShare: 0.2 }, 3000);
    assert.deepEqual(feed({ lagMs: 160, memoryShare: 0.2 }, 60_000), [2]);
    assert.deepEqual(feed({ lagMs: 140, memoryShare: 0.2 }, 5000), [2, 1]);
  });
});

suite('what it does', () => {
  for (const [title, signs, perSecond] of [
    ['lag', { lagMs: 200, memoryShare: 0.2 }, 20],
    ['memory', { lagMs: 200, memoryShare: 0.86 }, 500],
  ] as const) {
    test(`level 1 by ${title} lets ${perSecond} connections a second go, no more`, () => {
      const { feed, ladder } = createScene();
      feed(signs, 10_000);
      let letGo = 0;
      while (ladder.letsGo()) letGo += 1;
      assert.equal(letGo, perSecond);
      feed(signs, 1);
      while (ladder.letsGo()) letGo += 1;
      assert.equal(letGo, perSecond * 1.25, 'a quarter of a second later');
    });
  }

  test('memory that is nearly used up sheds every request', () => {
    const { feed, sheds } = createScene();
    feed({ lagMs: 1, memoryShare: 0.93 }, 3000);
    for (let request = 0; request < 100_000; request += 1) assert.ok(sheds());
  });

  test('shed requests are spread evenly over all', () => {
    const { feed, ladder, sheds } = createScene();
    feed({ lagMs: 300, memoryShare: 0.2 }, 1500);
    const share = ladder.shedShare;
    assert.ok(share > 0.1 && share < 0.9, String(share));
    let shed = 0;
    for (let request = 1; request <= 1000; request += 1) {
      if (sheds()) shed += 1;
      assert.ok(Math.abs(shed - request * share) <= 1.01);
    }
  });
});

/**
 * A worker in an open loop: requests come at `load` times what it can serve, those that nobody looked at wait, one on each
 * connection at most. One turn of the loop works off what waited at its start, as libuv does.
 */
function simulate(options: {
  load: number;
  serveMs: number;
  seconds: number;
  connections?: number;
}) {
  const { load, serveMs, seconds, connections = Infinity } = options;
  const shedMs = 0.01;
  const ladder = new OverloadLadder(0);
  const perMs = load / serveMs;
  let nowMs = 0;
  let lastLookMs = 0;
  let arrived = 0;
  let waitingFrom = 0;
  let served = 0;
  let shed = 0;
  let latestLagMs = 0;
  while (nowMs < seconds * 1000) {
    const batch = Math.floor(arrived) - waitingFrom;
    waitingFrom += batch;
    let turnMs = 0.05;
    for (let request = 0; request < batch; request += 1) {
      const sheds = ladder.sheds(nowMs + turnMs);
      if (nowMs > (seconds * 1000) / 2) {
        if (sheds) shed += 1;
        else served += 1;
      }
      turnMs += sheds ? shedMs : serveMs;
    }
    turnMs = Math.max(turnMs, 1);
    nowMs += turnMs;
    arrived = Math.min(arrived + turnMs * perMs, waitingFrom + connections);
    if (nowMs - lastLookMs >= LOOK_MS) {
      latestLagMs = nowMs - lastLookMs - LOOK_MS;
      ladder.observe(nowMs, { lagMs: latestLagMs, memoryShare: 0.2 });
      lastLookMs = nowMs;
    }
  }
  const possible = (seconds * 1000) / 2 / serveMs;
  return { goodput: served / possible, shed, lagMs: latestLagMs, level: ladder.level };
}

suite('in an open loop', () => {
  test('twice the load: the lag settles near its target and nearly everything else goes into served requests', () => {
    const { goodput, lagMs, level } = simulate({ load: 2, serveMs: 0.2, seconds: 60 });
    assert.ok(goodput >= 0.9, `goodput ${goodput}`);
    assert.ok(lagMs > 100 && lagMs < 300 && level === 2, `lag ${lagMs}, level ${level}`);
  });

  test('a little too much: a little is shed', () => {
    const { goodput, shed } = simulate({ load: 1.1, serveMs: 0.2, seconds: 60 });
    assert.ok(goodput >= 0.95, `goodput ${goodput}`);
    assert.ok(shed > 0 && shed < 0.3 * 150_000, `${shed} shed`);
  });

  test('just below what it can do: nothing is shed', () => {
    assert.deepEqual(simulate({ load: 0.98, serveMs: 0.2, seconds: 30 }).shed, 0);
  });

  test('cheap requests: shedding takes no more than a tenth of the time, whatever the load', () => {
    const { goodput } = simulate({ load: 2, serveMs: 0.015, seconds: 20, connections: 30_000 });
    assert.ok(goodput >= 0.85, `goodput ${goodput}`);
  });
});
