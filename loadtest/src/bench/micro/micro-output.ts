/** A figure that a micro-benchmark has printed. */
export interface MicroFigure {
  readonly name: string;
  readonly ns: number;
}

/** A number before `ns`, with what one of them is for, such as `ns/pick` or `ns per look-up`. */
const FIGURE = /(?<![\w.])(\d[\d,]*(?:\.\d+)?) ns(?:\/\S+| per [\w-]+)?(?!\w)/;

/**
 * The figure in a line of a micro-benchmark's table; null if it has none. What stands beside it is its name, wherever
 * the number stands: each file prints a table of its own.
 */
export function parseMicroLine(line: string): MicroFigure | null {
  const match = FIGURE.exec(line);
  if (match === null) return null;
  const name = line.replace(match[0], '').replace(/:\s/, ' ').replace(/\s+/g, ' ').trim();
  return { name, ns: Number(match[1]?.replaceAll(',', '')) };
}
