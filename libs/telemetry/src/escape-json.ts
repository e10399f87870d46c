/** What needs no escape: printable ASCII but quote and backslash. */
const NEEDS_ESCAPE = /[^ !#-[\]-~]/;
const HEX = '0123456789abcdef';

/**
 * Escapes untrusted text for use between the quotes of a JSON string, cut to `lengthMax` UTF-16
 * units first (a cut shows as a final `…`, written `\u2026`).
 *
 * All that is not printable ASCII becomes `\uXXXX`: control characters (so one record stays one
 * line), DEL and C1 (no terminal escapes), U+2028/2029, bidirectional overrides, lone surrogates.
 * The result is plain ASCII, which also makes its length in bytes its length in characters.
 * @hot
 */
export function escapeJson(text: string, lengthMax: number): string {
  if (text.length <= lengthMax && !NEEDS_ESCAPE.test(text)) return text;
  return escapeSlowly(text, lengthMax);
}

function escapeSlowly(text: string, lengthMax: number): string {
  const end = Math.min(text.length, lengthMax);
  let escaped = '';
  let copied = 0;
  for (let i = 0; i < end; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && unit < 0x7f && unit !== 0x22 && unit !== 0x5c) continue;
    escaped += text.slice(copied, i) + escapeUnit(unit);
    copied = i + 1;
  }
  escaped += text.slice(copied, end);
  return text.length > lengthMax ? escaped + '\\u2026' : escaped;
}

function escapeUnit(unit: number): string {
  if (unit === 0x22) return '\\"';
  if (unit === 0x5c) return '\\\\';
  return (
    '\\u' +
    HEX.charAt(unit >>> 12) +
    HEX.charAt((unit >>> 8) & 15) +
    HEX.charAt((unit >>> 4) & 15) +
    HEX.charAt(unit & 15)
  );
}
