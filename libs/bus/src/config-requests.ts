import type { Bus, BusMessage, Subscription } from './bus.ts';
import type { DigestMessage } from './config-digest.ts';
import { GetRequest, LIST_ENTRIES_MAX, ListRequest, type ListReply } from './config-messages.ts';
import { encodeGetReply } from './get-reply.ts';
import { encodeMessage, parseMessage } from './parse-message.ts';
import { subjects } from './subjects.ts';

/** The database behind the answers. Each method reads one consistent state of it. */
export interface ConfigSource {
  /** Digest of all live documents. */
  digest(): DigestMessage | Promise<DigestMessage>;
  /** All live keys of one digest bucket, in any order. */
  list(bucket: number): Promise<{
    readonly epoch: string;
    /** Highest revision of any document, deletions included. */
    readonly revision: number;
    readonly entries: readonly (readonly [key: string, revision: number])[];
  }>;
  /** Encoded documents (deletions too) of those keys that exist, in any order. */
  get(keys: readonly string[]): Promise<readonly (readonly [key: string, bytes: Uint8Array])[]>;
}

/** Figures of {@link serveConfigRequests}. */
export interface ConfigRequestServer extends Subscription {
  /** Requests answered, refused as malformed, and dropped because too many were open. */
  readonly counts: { readonly answered: number; readonly malformed: number; readonly shed: number };
}

const OPEN_REQUESTS_MAX = 64;
const QUEUE = 'config-service';
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024;

/**
 * Answers the questions of config feeds. Replicas share them through a queue group. At most 64 are
 * worked on at a time; more are dropped, and the feeds ask again after a wait with full jitter.
 * A failure of the source is reported by the bus's guard; the asker's request times out.
 */
export function serveConfigRequests(bus: Bus, source: ConfigSource): ConfigRequestServer {
  const counts = { answered: 0, malformed: 0, shed: 0 };
  let open = 0;
  const serve = (subject: string, answer: (message: BusMessage) => Promise<Uint8Array | null>) =>
    bus.subscribe(
      subject,
      async (message) => {
        if (open >= OPEN_REQUESTS_MAX) {
          counts.shed += 1;
          return;
        }
        open += 1;
        try {
          const reply = await answer(message);
          if (reply === null) counts.malformed += 1;
          else if (message.respond(reply) === 'sent') counts.answered += 1;
        } finally {
          open -= 1;
        }
      },
      { queue: QUEUE },
    );
  const subscriptions = [
    serve(subjects.configDigestGet, async () => encodeMessage(await source.digest())),
    serve(subjects.configList, async (message) => {
      const request = parseMessage(ListRequest, message.data);
      return request.ok ? encodeMessage(await listPage(source, request.value)) : null;
    }),
    serve(subjects.configGet, async (message) => {
      const request = parseMessage(GetRequest, message.data);
      if (!request.ok) return null;
      const documents = await source.get(request.value.keys);
      return encodeGetReply(documents, bus.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT);
    }),
  ];
  return {
    counts,
    unsubscribe: () => subscriptions.forEach((subscription) => subscription.unsubscribe()),
  };
}

async function listPage(source: ConfigSource, request: ListRequest): Promise<ListReply> {
  const { epoch, revision, entries } = await source.list(request.bucket);
  const { after } = request;
  const rest = entries
    .filter(([key]) => after === null || key > after)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const page = rest.slice(0, LIST_ENTRIES_MAX);
  const next = page.length < rest.length ? (page.at(-1)?.[0] ?? null) : null;
  return { v: 1, epoch, revision, entries: page.map(([key, held]) => [key, held]), next };
}
