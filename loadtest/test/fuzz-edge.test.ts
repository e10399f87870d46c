import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { findProgram } from '../src/bench/find-program.ts';
import { describeFinding, type Target } from '../src/fuzz/finding.ts';
import { createTargetRunner } from '../src/fuzz/run-target.ts';

// The bounded form of `npm run fuzz` for the targets that need a real edge.

const SEED = 20_261_121;

/** Inputs of each target, and what must have been met by them, so that a run that tests nothing fails. */
const RUNS: readonly {
  readonly target: Target;
  readonly inputs: number;
  readonly met: Readonly<Record<string, number>>;
}[] = [
  {
    target: 'edge',
    inputs: 2000,
    met: {
      'requests at the backend': 650,
      'compared by llhttp': 650,
      ...((await findProgram('haproxy')) === null ? {} : { 'compared by HAProxy': 650 }),
      ...((await findProgram('nginx')) === null ? {} : { 'compared by nginx': 1 }),
    },
  },
  {
    target: 'responses',
    inputs: 2000,
    met: { aborted: 50, 'answered 502': 200, 'passed on': 500 },
  },
  {
    target: 'cuts',
    inputs: 1200,
    met: {
      'client sends fin': 200,
      'client sends reset': 200,
      'backend sends fin': 200,
      'backend sends reset': 200,
      probes: 50,
    },
  },
];

const runner = createTargetRunner(2);

after(() => runner.stop());

for (const { target, inputs, met } of RUNS) {
  test(`fuzz ${target}: ${inputs} inputs, no crash, no hang, no difference, no violation`, async () => {
    const summary = await runner.run(target, {
      seed: SEED,
      from: 0,
      inputs,
      untilMs: Infinity,
      onFinding: () => undefined,
      onProgress: () => undefined,
    });
    assert.deepEqual(
      summary.findings.map((finding) => describeFinding(finding, SEED)),
      [],
    );
    assert.equal(summary.inputs, inputs);
    for (const [what, least] of Object.entries(met)) {
      assert.ok((summary.counts[what] ?? 0) >= least, `${what}: ${JSON.stringify(summary.counts)}`);
    }
  });
}
