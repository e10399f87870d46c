import type { FieldChange } from './replies.ts';
import { printable } from './table.ts';
import type { Colors } from './terminal.ts';

const VALUE_CHARS_MAX = 120;

/**
 * Fields that differ, one line each: `+ path = value`, `- path = value`, `~ path: before → after`.
 *
 * @param indent put before each line.
 */
export function formatFieldChanges(
  changes: readonly FieldChange[],
  colors: Colors,
  indent = '',
): string {
  return changes.map((change) => formatOne(change, colors, indent)).join('\n');
}

function formatOne(change: FieldChange, colors: Colors, indent: string): string {
  const { path, before, after } = change;
  if (before === undefined) return colors.green(printable(`${indent}+ ${path} = ${show(after)}`));
  if (after === undefined) return colors.red(printable(`${indent}- ${path} = ${show(before)}`));
  return colors.yellow(printable(`${indent}~ ${path}: ${show(before)} → ${show(after)}`));
}

/** JSON, cut where it would not help any more; `-o json` has it all. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`;
}
