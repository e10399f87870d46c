import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { CliError, EXIT } from './cli-error.ts';

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const LINE_FEED = 10;

/**
 * Reads a file, or the stream given for it, as UTF-8.
 *
 * @param name for messages.
 * @throws CliError if it is larger than 64 MiB, or holds bytes that are not UTF-8: a name would change without a word.
 */
export async function readText(
  name: string,
  stream: Readable = createReadStream(name),
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk as Buffer | string); // what a byte stream yields
    bytes += buffer.length;
    if (bytes > FILE_BYTES_MAX) {
      throw new CliError(EXIT.failure, `${name} is larger than ${FILE_BYTES_MAX} bytes`);
    }
    chunks.push(buffer);
  }
  const all = Buffer.concat(chunks);
  if (!isUtf8(all)) throw notUtf8(name, all);
  return all.toString('utf8');
}

/** Names the first line that is at fault; a line feed is never part of another character in UTF-8. */
function notUtf8(name: string, bytes: Buffer): CliError {
  let line = 1;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
    line += 1;
  }
  return new CliError(EXIT.failure, `${name}:${line}: not UTF-8`, [
    'Save the file in UTF-8, without another encoding such as Latin-1 or UTF-16.',
  ]);
}
