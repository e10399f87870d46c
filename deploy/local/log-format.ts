import { createColors } from 'picocolors';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
/** Fields that the line shows elsewhere, or that say nothing on one machine. */
const HIDDEN_FIELDS = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'service', 'nodeId']);
const COMPONENT_WIDTH = 14;
const VALUE_CHARS_MAX = 200;
const STACK_LINES_MAX = 12;

/** Level from which on a line is shown even while the cluster starts. */
export const LEVEL_WARN = 40;

/** A line of a component's output, made readable. */
export interface LogLine {
  /** As pino counts: 30 info, 40 warn, 50 error. Lines that are not JSON count as info. */
  readonly level: number;
  /** The line for people, without line end; a stack adds further lines. */
  readonly text: string;
}

/**
 * Creates the function that turns a line of a component's output (JSON as pino writes it, or any
 * text) into one for people: time, component, level, message, and the other fields as `key=value`.
 *
 * @param colors whether to colour; the text is otherwise the same.
 */
export function createLogFormatter(colors: boolean): (component: string, line: string) => LogLine {
  const paint = createColors(colors);
  const byLevel = (level: number, text: string) => {
    if (level >= 50) return paint.red(text);
    return level >= LEVEL_WARN ? paint.yellow(text) : paint.dim(text);
  };
  return (component, line) => {
    const name = paint.cyan(component.padEnd(COMPONENT_WIDTH));
    const record = parseRecord(line);
    if (record === null) return { level: 30, text: `${' '.repeat(12)} ${name} ${line}` };
    const level = typeof record['level'] === 'number' ? record['level'] : 30;
    const head = [
      paint.dim(formatTime(record['time'])),
      name,
      byLevel(level, (LEVELS[level] ?? String(level)).padEnd(5)),
      printable(typeof record['msg'] === 'string' ? record['msg'] : ''),
    ].join(' ');
    const fields = Object.entries(record)
      .filter(([key, value]) => !HIDDEN_FIELDS.has(key) && value !== null && value !== '')
      .map(([key, value]) => `${paint.dim(`${key}=`)}${formatValue(key, value)}`);
    return { level, text: [head, ...fields].join(' ').trimEnd() + formatStack(record['err']) };
  };
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    // An object, as it starts with a brace; what its fields hold is checked where they are used.
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function formatTime(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return ' '.repeat(12);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function formatValue(key: string, value: unknown): string {
  if (key === 'err' && isRecord(value) && typeof value['message'] === 'string') {
    return JSON.stringify(value['message']);
  }
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return shorten(printable(value));
  return shorten(printable(JSON.stringify(value) ?? ''));
}

function formatStack(error: unknown): string {
  if (!isRecord(error) || typeof error['stack'] !== 'string') return '';
  const frames = error['stack'].split('\n').filter((line) => /^\s+at /.test(line));
  return frames
    .slice(0, STACK_LINES_MAX)
    .map((frame) => `\n${' '.repeat(13)}${printable(frame.trim())}`)
    .join('');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function shorten(text: string): string {
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text;
}

/** Log fields hold what clients sent; control characters must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�');
}
