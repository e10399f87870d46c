/** The parts of the fuzzer, each with inputs of its own kind. */
export const TARGETS = ['codec', 'edge', 'responses', 'cuts'] as const;
export type Target = (typeof TARGETS)[number];

/** Something that must not happen. */
export interface Finding {
  readonly target: Target;
  readonly kind: 'crash' | 'hang' | 'difference' | 'violation';
  /** Which input, see `inputSeed`; -1 if it cannot be told. */
  readonly index: number;
  readonly detail: string;
  /** The input as {@link escapeBytes} writes it. */
  readonly input: string;
}

/** What a target did. */
export interface TargetSummary {
  readonly target: Target;
  readonly inputs: number;
  readonly seconds: number;
  /** Counts by what they count, for the table. */
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

/** Findings kept of one target; after that it only goes on counting. */
export const FINDINGS_MAX = 50;

const ESCAPED_CHARS_MAX = 4000;

/** Bytes as the text of a JavaScript string, so that a finding can be pasted into a test. */
export function escapeBytes(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  let escaped = '';
  for (let i = 0; i < text.length && escaped.length < ESCAPED_CHARS_MAX; i++) {
    escaped += escapeChar(text[i] ?? '');
  }
  return escaped.length < ESCAPED_CHARS_MAX ? escaped : `${escaped}… (${bytes.length} bytes)`;
}

function escapeChar(char: string): string {
  if (char === '\r') return '\\r';
  if (char === '\n') return '\\n';
  if (char === '\\' || char === "'") return `\\${char}`;
  const code = char.charCodeAt(0);
  return code < 0x20 || code > 0x7e ? `\\x${code.toString(16).padStart(2, '0')}` : char;
}

/** The finding as text, with the command that makes its input again. */
export function describeFinding(finding: Finding, seed: number): string {
  const again =
    finding.index < 0
      ? `npm run fuzz -- --seed ${seed} --target ${finding.target}`
      : `npm run fuzz -- --seed ${seed} --target ${finding.target} --only ${finding.index}`;
  return [
    `${finding.kind.toUpperCase()} ${finding.target} #${finding.index}: ${finding.detail}`,
    `  input: '${finding.input}'`,
    `  again: ${again}`,
  ].join('\n');
}
