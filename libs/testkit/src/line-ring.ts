/** The last lines of a process's output, bounded in lines and in bytes per line. */
export interface LineRing {
  /** Adds a chunk of output; lines are split at LF, a partial last line is kept for the next chunk. */
  push(chunk: string): void;
  /** The kept lines, oldest first, without line ends; includes a partial last line. */
  lines(): readonly string[];
}

const LINE_CHARACTERS_MAX = 8192;

/**
 * Creates a ring that keeps the newest `linesMax` lines.
 *
 * @param onLine called for every complete line, in order.
 */
export function createLineRing(linesMax: number, onLine: (line: string) => void): LineRing {
  const kept: string[] = [];
  let partial = '';
  return {
    push(chunk) {
      const pieces = (partial + chunk).split('\n');
      partial = (pieces.pop() ?? '').slice(0, LINE_CHARACTERS_MAX);
      for (const piece of pieces) {
        const line = piece.slice(0, LINE_CHARACTERS_MAX);
        kept.push(line);
        onLine(line);
      }
      if (kept.length > linesMax) kept.splice(0, kept.length - linesMax);
    },
    lines: () => (partial === '' ? [...kept] : [...kept, partial]),
  };
}
