import type { FuzzRandom, NonEmpty } from '../fuzz-random.ts';

/** Pieces that parsers are known to disagree about. */
const PIECES: NonEmpty<string> = [
  ' ', '\t', '\v', '\f', '\x85', '\xa0', '\0', '\r', '\n', '\r\n', '\r\r\n', '\n\r', '\r\n\r\n',
  ':', ',', ';', '"', '\\', '#', '?', '/', '//', '/../', '/./', '..;', '%', '%00', '%2f', '%2e',
  '%5c', '\x80', '\xff', '\x7f', '_', '-', '+', '0', '0x', '1e1', 'a', '{', '[', ']', '@', '..',
  'HTTP/1.1', 'chunked', ' HTTP/1.1\r\n',
]; // prettier-ignore

const NUMBERS: NonEmpty<string> = [
  '0', '00', '5', '05', '+5', '-5', '5 ', ' 5', '0x5', '5.0', '5e0', '1_0', '5,5', '5, 5', '0b1',
  '5;', "5'", 'NaN', 'Infinity', '9007199254740991', '9007199254740992', '18446744073709551621',
  '4294967301', '\xd9\xa5', '', '5\t', '5\v', '5\xa0', 'ffffffffffffffff', '1'.repeat(40),
  '0'.repeat(40) + '5', '7fffffff', '80000000',
]; // prettier-ignore

const LINES: NonEmpty<string> = [
  'Transfer-Encoding: chunked', 'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding:\vchunked', 'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: "chunked"', 'Transfer-Encoding: chunked;a=b',
  'Transfer-Encoding : chunked', ' Transfer-Encoding: chunked', 'Transfer-Encoding\t: chunked',
  'Transfer_Encoding: chunked', 'Transfer-Encoding:', 'Transfer-Encoding: ,chunked',
  'Transfer-Encoding\xa0: chunked', 'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked', 'Content-Length: 5', 'Content-Length: 0',
  'Content-Length: 5, 5', 'Content_Length: 5', 'Content-Length : 5', 'Content-Length: 0x5',
  'Content-Length\n : 5', 'Host: t2.test', 'Host : t2.test', 'Host:', 'Host: t1.test, t2.test',
  'Host: t1.test@t2.test', 'Host: t1.test/x', 'Host: t1.test:0', 'Connection: close',
  'Connection: content-length', 'Connection: transfer-encoding', 'X-Tenant_Id: t2',
  'X-Forwarded-For: 1.2.3.4', ' folded', '\tfolded: yes', ': empty', 'no-colon', 'Upgrade: h2c',
  'Expect: 100-continue', 'Expect: x', 'TE: trailers', 'PRI * HTTP/2.0', '__proto__: x',
]; // prettier-ignore

type Mutation = (text: string, random: FuzzRandom) => string;

const MUTATIONS: NonEmpty<Mutation> = [
  flipByte, insertPiece, insertPiece, deleteBytes, replaceByte, repeatPart, duplicateLine,
  deleteLine, swapLines, insertLine, insertLine, changeNumber, changeNumber, changeLineEnd,
  changeCase, truncate, underscoreName,
]; // prettier-ignore

/** Applies one to four small changes to a message or a stream of them. */
export function mutate(text: string, random: FuzzRandom): string {
  let mutant = text;
  for (let changes = 1 + random.int(random.chance(0.7) ? 2 : 4); changes > 0; changes--) {
    mutant = random.pick(MUTATIONS)(mutant, random);
  }
  return mutant;
}

/** The beginning of one stream and the end of another. */
export function splice(first: string, second: string, random: FuzzRandom): string {
  return first.slice(0, random.int(first.length + 1)) + second.slice(random.int(second.length + 1));
}

function flipByte(text: string, random: FuzzRandom): string {
  const at = random.int(text.length);
  return replaceAt(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.int(8))));
}

function insertPiece(text: string, random: FuzzRandom): string {
  return replaceAt(text, random.int(text.length + 1), 0, random.pick(PIECES));
}

function deleteBytes(text: string, random: FuzzRandom): string {
  return replaceAt(text, random.int(text.length), 1 + random.int(random.chance(0.8) ? 2 : 20), '');
}

function replaceByte(text: string, random: FuzzRandom): string {
  return replaceAt(text, random.int(text.length), 1, String.fromCharCode(random.int(256)));
}

function repeatPart(text: string, random: FuzzRandom): string {
  const at = random.int(text.length);
  const part = text.slice(at, at + 1 + random.int(30));
  return replaceAt(text, at, 0, part.repeat(1 + random.int(random.chance(0.98) ? 3 : 400)));
}

function duplicateLine(text: string, random: FuzzRandom): string {
  return onLines(text, random, (lines, i) =>
    lines.splice(random.int(lines.length), 0, lines[i] ?? ''),
  );
}

function deleteLine(text: string, random: FuzzRandom): string {
  return onLines(text, random, (lines, i) => lines.splice(i, 1));
}

function swapLines(text: string, random: FuzzRandom): string {
  return onLines(text, random, (lines, i) => {
    const j = random.int(lines.length);
    [lines[i], lines[j]] = [lines[j] ?? '', lines[i] ?? ''];
  });
}

function insertLine(text: string, random: FuzzRandom): string {
  return onLines(text, random, (lines, i) => lines.splice(i, 0, random.pick(LINES)));
}

function changeNumber(text: string, random: FuzzRandom): string {
  const numbers = [...text.matchAll(/[0-9a-fA-F]+/g)].filter(({ 0: digits }) => /\d/.test(digits));
  const chosen = numbers[random.int(numbers.length)];
  if (chosen === undefined) return text;
  return replaceAt(text, chosen.index, chosen[0].length, random.pick(NUMBERS));
}

function changeLineEnd(text: string, random: FuzzRandom): string {
  return onLines(text, random, (lines, i) => {
    const end = random.pick(['\n', '\r', '\r\r\n', '\n\r', '', ' \r\n', '\0\r\n', '\r\n ']);
    lines.splice(i, 2, (lines[i] ?? '') + end + (lines[i + 1] ?? ''));
  });
}

function changeCase(text: string, random: FuzzRandom): string {
  const at = random.int(text.length);
  const part = text.slice(at, at + 8);
  return replaceAt(text, at, 8, random.chance(0.5) ? part.toLowerCase() : part.toUpperCase());
}

function truncate(text: string, random: FuzzRandom): string {
  return text.slice(0, random.int(text.length + 1));
}

function underscoreName(text: string, random: FuzzRandom): string {
  const dashes = [...text.matchAll(/-/g)];
  const chosen = dashes[random.int(dashes.length)];
  return chosen === undefined ? text : replaceAt(text, chosen.index, 1, '_');
}

function onLines(
  text: string,
  random: FuzzRandom,
  change: (lines: string[], index: number) => void,
): string {
  const lines = text.split('\r\n');
  change(lines, random.int(lines.length));
  return lines.join('\r\n');
}

function replaceAt(text: string, at: number, count: number, replacement: string): string {
  return text.slice(0, at) + replacement + text.slice(at + count);
}
