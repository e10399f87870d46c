import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeDocument } from '@headgate/bus';
import type { EdgeDocument } from './tenant-documents.ts';

/**
 * Writes documents as the last good configuration of an edge, so that it serves them without a control plane: a file
 * of records `HG1 <bytes> <first 16 hex of their SHA-256>\n<bytes>\n` that ends with the record `end <count>`. An edge
 * passes over what it cannot read, and then is not ready.
 *
 * @param dataDirectory the edge's `HEADGATE_DATA_DIR`
 */
export async function writeEdgeFiles(
  dataDirectory: string,
  documents: readonly EdgeDocument[],
): Promise<void> {
  const records = documents.map(({ header, body }) => frame(encodeDocument(header, body)));
  const end = frame(Buffer.from(`end ${documents.length}`));
  const directory = join(dataDirectory, 'snapshots');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'base-1.snapshot'), Buffer.concat([...records, end]));
}

function frame(bytes: Uint8Array): Buffer {
  const checksum = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return Buffer.concat([
    Buffer.from(`HG1 ${bytes.length} ${checksum}\n`),
    bytes,
    Buffer.from('\n'),
  ]);
}
