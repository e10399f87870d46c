import { stringify } from 'yaml';
import type { CommandContext } from './context.ts';

/** Prints a result as JSON or YAML if that was asked for; false if it was not: the caller prints its table. */
export function printValue(
  { terminal, output }: Pick<CommandContext, 'terminal' | 'output'>,
  value: unknown,
): boolean {
  if (output === 'json') terminal.print(JSON.stringify(value, null, 2));
  else if (output === 'yaml') terminal.print(stringify(value).trimEnd());
  return output !== 'table';
}

/** Tells people what was done: where the result is, or beside one that a program reads. */
export function tell(
  { terminal, output }: Pick<CommandContext, 'terminal' | 'output'>,
  text: string,
): void {
  if (output === 'table') terminal.print(text);
  else terminal.note(text);
}
