import { Failure } from './bootstrap/failure.mjs';
import type { ComponentExit } from './component-process.ts';
import type { ComponentSpec } from './components.ts';

const LINES_SHOWN = 20;

/** Says why a component did not get ready: a known cause by name, else with its last lines. */
export function describeStartFailure(
  spec: ComponentSpec,
  exit: ComponentExit,
  lastLines: readonly string[],
): Failure {
  const output = lastLines.join('\n');
  if (exit.code === 127 && /not found/.test(output)) {
    return new Failure(
      `${spec.name} is not installed (no ${spec.command} on PATH).`,
      'Run npm start, which installs it, instead of start.ts itself.',
    );
  }
  if (/ENOSPC|No space left on device|insufficient storage resources/i.test(output)) {
    return new Failure(
      `${spec.name} cannot write its data: the disk is full.`,
      'Free some space, or keep the data elsewhere: npm start -- --data-dir /path/with/space',
    );
  }
  if (/EADDRINUSE|address already in use/i.test(output)) {
    return new Failure(
      `${spec.name} cannot listen (${spec.address}): another program has just taken the port.`,
      'Start again, or use other ports: npm start -- --port-base 9000',
    );
  }
  const how = exit.signal === 'SIGKILL' ? 'did not get ready in time' : describeExit(exit);
  const shown = lastLines.slice(-LINES_SHOWN).join('\n');
  return new Failure(
    `${spec.name} ${how}.`,
    shown === '' ? 'It printed nothing.' : `Its last lines:\n${shown}`,
  );
}

/** `ended with exit code 1`, `was ended by SIGKILL`. */
export function describeExit(exit: ComponentExit): string {
  return exit.signal === null ? `ended with exit code ${exit.code}` : `was ended by ${exit.signal}`;
}
