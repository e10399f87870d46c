/**
 * The same text in one piece of memory, for texts that are kept: one that was joined with `+` is walked through whenever
 * something that holds it is copied. Characters beyond U+00FF are lost.
 */
export function flatText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
