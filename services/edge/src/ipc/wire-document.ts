import { documentText, encodeDocument, type ReceivedDocument } from '@headgate/bus';
import { documentKey, type DocumentHeader, type DocumentKind } from '@headgate/model';

/** A document taken apart. */
export interface ParsedDocument {
  readonly key: string;
  readonly header: DocumentHeader;
  /** JSON text, parsed on first use. */
  readonly body: string;
}

/**
 * A document as the primary holds it and sends it to workers: its two lines as one text, and what of the first line is asked
 * for often. 100,000 of them are 100,000 strings and not millions of objects, for every garbage collection and for the
 * channels to the workers.
 */
export class WireDocument implements ParsedDocument {
  readonly key: string;
  readonly kind: DocumentKind;
  readonly revision: number;
  readonly deleted: boolean;
  /** As on the bus. */
  readonly text: string;

  private constructor(key: string, header: DocumentHeader, text: string) {
    this.key = key;
    this.kind = header.kind;
    this.revision = header.revision;
    this.deleted = header.deleted;
    this.text = text;
  }

  /** A document of the bus or the disk, which need not be kept for it. */
  static received(received: ReceivedDocument): WireDocument {
    return new WireDocument(received.key, received.header, documentText(received));
  }

  /** A document made here. */
  static of(header: DocumentHeader, body: string): WireDocument {
    const key = documentKey(header.kind, header.id);
    return new WireDocument(key, header, Buffer.from(encodeDocument(header, body)).toString());
  }

  /** Parsed anew each time. */
  get header(): DocumentHeader {
    return parseDocument(this.text).header;
  }

  /** Of a rollout; parsed anew each time. */
  get rings(): DocumentHeader['rings'] {
    return this.header.rings;
  }

  get body(): string {
    return parseDocument(this.text).body;
  }
}

/** Takes the text of a {@link WireDocument} apart. */
export function parseDocument(text: string): ParsedDocument {
  const lineEnd = text.indexOf('\n');
  const header = JSON.parse(text.slice(0, lineEnd)) as DocumentHeader; // checked when it came
  return { key: documentKey(header.kind, header.id), header, body: text.slice(lineEnd + 1) };
}
