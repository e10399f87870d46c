import {
  pino,
  stdSerializers,
  stdTimeFunctions,
  type Bindings,
  type ChildLoggerOptions,
  type Logger as PinoLogger,
} from 'pino';
import { LineSink, type LineSinkOptions } from './line-sink.ts';
import { redactFields, redactText } from './redact.ts';

/** Severities, most severe first. `silent` writes nothing. */
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** A pino logger. */
export type Logger = PinoLogger;

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** Name of the service, in every line. */
  readonly service: string;
  /** Id of this node, in every line. */
  readonly nodeId: string;
  /** Least severe level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** A file descriptor or anything of {@link LineSink}; default standard output. */
  readonly destination?: number | LineSink;
  /** Bound of buffered lines in bytes. Default 1 MiB. Ignored if `destination` is a sink. */
  readonly bufferBytesMax?: number;
}

/** A logger with the output it owns. */
export interface ServiceLogger {
  readonly logger: Logger;
  /** Lines that could not be written so far; `headgate_log_lines_dropped_total`. */
  droppedLines(): number;
  /** Writes what is buffered; true when all is written within `deadlineMs` (default 1000). */
  flush(deadlineMs?: number): Promise<boolean>;
}

/**
 * Creates the logger of a process. One JSON line per call with the fixed keys `level`, `time`
 * (RFC 3339), `service`, `nodeId`, then the fields of the call, then `msg`; an error goes under `err`.
 *
 * Secrets are removed by key and by shape (see redact.ts). A blocked or full output never blocks
 * the event loop: lines are dropped and counted. Call `flush()` last at shutdown.
 */
export function createLogger(options: LoggerOptions): ServiceLogger {
  const sink =
    options.destination instanceof LineSink
      ? options.destination
      : new LineSink(sinkOptions(options));
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, nodeId: options.nodeId },
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        bindings: redactFields,
        log: redactFields,
      },
      serializers: { err: serializeError },
      hooks: { streamWrite: redactText },
    },
    { write: (line: string) => void sink.write(line) },
  );
  redactChildren(logger);
  return {
    logger,
    droppedLines: () => sink.droppedLines,
    flush: (deadlineMs) => sink.flush(deadlineMs),
  };
}

type CreateChild = (this: Logger, bindings: Bindings, options?: ChildLoggerOptions) => Logger;

/** pino applies `formatters.bindings` to the first logger only; children inherit this method. */
function redactChildren(logger: Logger): void {
  // A generic method called with its default type arguments, which CreateChild spells out.
  const createChild = Reflect.get(logger, 'child') as unknown as CreateChild;
  const createRedactedChild: CreateChild = function (bindings, options) {
    return createChild.call(this, redactFields(bindings), options);
  };
  Object.assign(logger, { child: createRedactedChild });
}

function sinkOptions(options: LoggerOptions): LineSinkOptions {
  return {
    destination: options.destination as number, // a sink is excluded by the only caller
    bufferBytesMax: options.bufferBytesMax ?? 1_048_576,
    flushIntervalMs: 5,
  };
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return redactFields({ ...stdSerializers.err(error) });
}
