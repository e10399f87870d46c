import { availableParallelism } from 'node:os';
import { FUZZ_USAGE, parseFuzzArguments, type FuzzRequest } from './arguments.ts';
import { describeFinding, type Target, type TargetSummary } from './finding.ts';
import { formatSummaries } from './report.ts';
import { createTargetRunner, type TargetRunner } from './run-target.ts';

// `npm run fuzz`: throws hostile bytes at the codec and at a real edge. docs/fuzzing.md tells what is checked.

const PROGRESS_MS = 3000;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const request = parseFuzzArguments(args);
  if (request.kind === 'help') {
    process.stdout.write(FUZZ_USAGE);
    return 0;
  }
  if (request.kind === 'fault') {
    process.stderr.write(`${request.message}\n\n${FUZZ_USAGE}`);
    return 2;
  }
  say(`seed ${request.seed}`);
  const startMs = performance.now();
  const summaries: TargetSummary[] = [];
  const runner = createTargetRunner(availableParallelism());
  try {
    for (const [done, target] of request.targets.entries()) {
      summaries.push(await runOne(runner, request, target, untilMs(request, startMs, done)));
    }
  } finally {
    await runner.stop();
  }
  say(['', ...formatSummaries(summaries)].join('\n'));
  return summaries.every(({ findings }) => findings.length === 0) ? 0 : 1;
}

type RunRequest = Extract<FuzzRequest, { readonly kind: 'run' }>;

/** With a time limit every target gets its share of what is left of it. */
function untilMs(request: RunRequest, startMs: number, done: number): number {
  if (request.seconds === null) return Infinity;
  const nowMs = performance.now();
  const leftMs = startMs + request.seconds * 1000 - nowMs;
  return nowMs + leftMs / (request.targets.length - done);
}

async function runOne(
  runner: TargetRunner,
  request: RunRequest,
  target: Target,
  until: number,
): Promise<TargetSummary> {
  const { seed, only } = request;
  const inputs = only === null ? request.inputs[target] : 1;
  const startMs = performance.now();
  let saidMs = startMs;
  return runner.run(target, {
    seed,
    from: only ?? 0,
    inputs,
    untilMs: until,
    onFinding: (finding) => say(describeFinding(finding, seed)),
    onProgress: (done) => {
      const nowMs = performance.now();
      if (nowMs - saidMs < PROGRESS_MS) return;
      saidMs = nowMs;
      const perSecond = (done / (nowMs - startMs)) * 1000;
      say(`${target.padEnd(10)} ${done} of ${inputs}, ${perSecond.toFixed(0)}/s`);
    },
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
