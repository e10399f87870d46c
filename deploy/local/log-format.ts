import { createColors } from 'picocolors';

type Colors = ReturnType<typeof createColors>;
type LogRecord = Readonly<Record<string, unknown>>;

/** Fields that the line shows elsewhere, or that say nothing on one machine. */
const HIDDEN_FIELDS = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'service', 'nodeId']);
/** Fields of an access record that tell something a reader looks for; the rest is in the metrics. */
const ACCESS_FIELDS = {
  tenantId: 'tenant',
  routeId: 'route',
  principalId: 'key',
  code: 'code',
  limitOutcome: 'limit',
  endpoint: 'endpoint',
  attempts: 'attempts',
  requestId: 'request',
} as const;

const COMPONENT_WIDTH = 14;
const TIME_WIDTH = 12;
const VALUE_CHARS_MAX = 200;
const STACK_LINES_MAX = 12;
const ALARMING = new Set(['warn', 'error', 'fatal']);

/** A line of a component's output, made readable. */
export interface LogLine {
  /** A warning or worse: worth a look even while the cluster starts. */
  readonly isAlarming: boolean;
  /** The line for people, without line end; a stack adds further lines. */
  readonly text: string;
}

/**
 * Creates the function that turns a line of a component's output (JSON as the services write it, or
 * any text) into one for people: time, component, level, message, and the other fields as
 * `key=value`. An access record becomes `GET host/path → status, duration`.
 *
 * @param colored whether to colour; the text is otherwise the same.
 */
export function createLogFormatter(colored: boolean): (component: string, line: string) => LogLine {
  const colors = createColors(colored);
  return (component, line) => {
    const name = colors.cyan(component.padEnd(COMPONENT_WIDTH));
    const record = parseRecord(line);
    if (record === null) {
      return { isAlarming: false, text: `${' '.repeat(TIME_WIDTH)} ${name} ${printable(line)}` };
    }
    const isAccess = record['type'] === 'access';
    const time = formatTime(isAccess ? record['timeMs'] : record['time']);
    const rest = isAccess ? formatAccess(record, colors) : formatLog(record, colors);
    return {
      isAlarming: typeof record['level'] === 'string' && ALARMING.has(record['level']),
      text: `${colors.dim(time)} ${name} ${rest}`,
    };
  };
}

function formatLog(record: LogRecord, colors: Colors): string {
  const level = typeof record['level'] === 'string' ? record['level'] : 'info';
  const paint = level === 'warn' ? colors.yellow : ALARMING.has(level) ? colors.red : colors.dim;
  const message = typeof record['msg'] === 'string' ? printable(record['msg']) : '';
  const fields = Object.entries(record)
    .filter(([key]) => !HIDDEN_FIELDS.has(key))
    .map(([key, value]) => formatField(key, value, colors));
  const parts = [paint(level.padEnd(6)), message, ...fields].filter((part) => part !== '');
  return parts.join(' ') + formatStack(record['err']);
}

function formatAccess(record: LogRecord, colors: Colors): string {
  const status = Number(record['status']);
  const paint = status >= 500 ? colors.red : status >= 400 ? colors.yellow : colors.green;
  const target = printable(`${String(record['host'])}${String(record['path'])}`);
  const fields = Object.entries(ACCESS_FIELDS).map(([key, label]) =>
    formatField(label, key === 'attempts' && record[key] === 1 ? null : record[key], colors),
  );
  return [
    colors.dim('access'),
    `${printable(String(record['method']))} ${target}`,
    `${paint(String(status))} in ${Number(record['durationMs']).toFixed(1)} ms`,
    ...fields.filter((field) => field !== ''),
  ].join(' ');
}

function parseRecord(line: string): LogRecord | null {
  if (!line.startsWith('{')) return null;
  try {
    // An object, as it starts with a brace; what its fields hold is checked where they are used.
    return JSON.parse(line) as LogRecord;
  } catch {
    return null;
  }
}

function formatTime(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return ' '.repeat(TIME_WIDTH);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function formatField(key: string, value: unknown, colors: Colors): string {
  if (value === null || value === undefined || value === '') return '';
  return colors.dim(`${printable(key)}=`) + formatValue(key, value);
}

function formatValue(key: string, value: unknown): string {
  if (key === 'err' && isRecord(value) && typeof value['message'] === 'string') {
    return shorten(printable(JSON.stringify(value['message'])));
  }
  const isPlain = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return shorten(printable(isPlain ? value : (JSON.stringify(value) ?? '')));
}

function formatStack(error: unknown): string {
  if (!isRecord(error) || typeof error['stack'] !== 'string') return '';
  const frames = error['stack'].split('\n').filter((line) => /^\s+at /.test(line));
  return frames
    .slice(0, STACK_LINES_MAX)
    .map((frame) => `\n${' '.repeat(TIME_WIDTH + 1)}${printable(frame.trim())}`)
    .join('');
}

function isRecord(value: unknown): value is LogRecord {
  return typeof value === 'object' && value !== null;
}

function shorten(text: string): string {
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

/** Log fields hold what clients sent; control characters must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
