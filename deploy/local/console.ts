import type { ClusterEvents } from './cluster.ts';
import { createLogFormatter } from './log-format.ts';
import { describeExit } from './start-failure.ts';

/** What the user sees of the cluster. The lines are the same on a terminal and in a file. */
export interface ClusterConsole {
  readonly events: ClusterEvents;
  /** Resolves when nobody reads the output any more (`npm start | head`). */
  readonly closed: Promise<void>;
  print(text: string): void;
  /** One line of progress: what, and its state. */
  step(name: string, state: string): void;
  /** Prints a text; from then on every log line is shown. Before, only warnings and errors are. */
  showLogs(text: string): void;
  hideLogs(): void;
}

const NAME_WIDTH = 16;

/** Creates the console; colours only on a terminal and without NO_COLOR. */
export function createConsole(
  stream: NodeJS.WriteStream,
  environment: Readonly<Record<string, string | undefined>>,
): ClusterConsole {
  const noColor = environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '';
  // Without a terminal `isTTY` is undefined, whatever its type says, and an undefined choice lets the library choose.
  const isTerminal: boolean | undefined = stream.isTTY;
  const format = createLogFormatter(isTerminal === true && !noColor);
  const closed = Promise.withResolvers<void>();
  stream.on('error', () => closed.resolve());
  let logsShown = false;

  const print = (text: string) => void stream.write(`${text}\n`);
  const step = (name: string, state: string) => print(`${name.padEnd(NAME_WIDTH)}${state}`);
  return {
    closed: closed.promise,
    print,
    step,
    showLogs(text) {
      print(`${text}\n`);
      logsShown = true;
    },
    hideLogs() {
      logsShown = false;
    },
    events: {
      starting: (spec) => step(spec.name, 'starting'),
      ready: (spec, elapsedMs) =>
        step(spec.name, `ready      ${(elapsedMs / 1000).toFixed(1)} s  ${spec.address}`),
      died(spec, exit, restartInMs) {
        const next =
          restartInMs === null
            ? 'too often within a minute'
            : `starts again in ${(restartInMs / 1000).toFixed(1)} s`;
        step(spec.name, `${describeExit(exit)}, ${next}`);
      },
      stopping: (spec) => step(spec.name, 'stopping'),
      line(component, line) {
        const formatted = format(component, line);
        if (logsShown || formatted.isAlarming) print(formatted.text);
      },
    },
  };
}
