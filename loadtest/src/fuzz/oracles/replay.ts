import { differenceOf, type ReadRequest } from '../read/read-request.ts';
import { readResponse } from '../read/strict-reader.ts';
import { exchangeRaw } from '../rig/raw-exchange.ts';
import { startRecorder, type RecordedRequest, type Recorder } from '../rig/recorder.ts';
import { explainProxyRefusal, type JustifiedId } from './justified.ts';
import { startHaproxy, startNginx, type OracleProxy } from './proxies.ts';

/** What a replay tells. */
export interface ReplayEvents {
  readonly onCompared: (proxy: OracleProxy['name'], requests: number) => void;
  readonly onJustified: (id: JustifiedId) => void;
  readonly onDifference: (request: RecordedRequest, detail: string) => void;
}

/** Sends recorded requests through another proxy and compares what arrives behind it. */
export interface Replay {
  readonly name: OracleProxy['name'];
  /** Requests as they came on one connection, in their order. */
  replay(requests: readonly RecordedRequest[]): Promise<void>;
  stop(): Promise<void>;
}

/** Makes the proxy close once all is answered; FIN would have nginx drop what it has not yet begun with. */
const LAST = 'GET /last HTTP/1.1\r\nHost: last.test\r\nConnection: close\r\n\r\n';

/** Starts a replay through each proxy that is installed. */
export async function startReplays(events: ReplayEvents): Promise<readonly Replay[]> {
  const replays: Replay[] = [];
  for (const start of [startHaproxy, startNginx]) {
    const arrived = new Map<string, RecordedRequest>();
    const recorder = await startRecorder({
      onRequest: (request) => {
        if (request.id !== '') arrived.set(request.id, request);
      },
      onFault: () => undefined, // what a proxy makes up itself; the request counts as not arrived
    });
    const proxy = await start(recorder.port);
    if (proxy === null) await recorder.close();
    else replays.push(createReplay(proxy, recorder, arrived, events));
  }
  return replays;
}

function createReplay(
  proxy: OracleProxy,
  recorder: Recorder,
  arrived: Map<string, RecordedRequest>,
  events: ReplayEvents,
): Replay {
  return {
    name: proxy.name,
    async replay(requests) {
      let rest = requests;
      while (rest.length > 0) {
        const bytes = Buffer.from(rest.map(({ raw }) => raw).join('') + LAST, 'latin1');
        const { text, ending } = await exchangeRaw(proxy.port, [bytes], 'open');
        const missing = rest.findIndex(({ id }) => !arrived.has(id));
        const seen = missing === -1 ? rest : rest.slice(0, missing);
        for (const request of seen) check(proxy, request, arrived, events);
        events.onCompared(proxy.name, seen.length);
        const refused = rest[seen.length];
        if (refused !== undefined) {
          const status = lastStatus(text, rest);
          const reason = explainProxyRefusal(proxy.name, refused, status);
          if (reason === null) {
            events.onDifference(
              refused,
              `${proxy.name} does not pass it on: ${status} (${ending})`,
            );
          } else events.onJustified(reason);
        }
        rest = rest.slice(seen.length + 1);
      }
    },
    async stop() {
      await proxy.stop();
      await recorder.close();
    },
  };
}

function check(
  proxy: OracleProxy,
  request: RecordedRequest,
  arrived: Map<string, RecordedRequest>,
  events: ReplayEvents,
): void {
  const other: ReadRequest | undefined = arrived.get(request.id);
  arrived.delete(request.id);
  if (other === undefined) return;
  const difference = differenceOf(request, other);
  if (difference !== null) events.onDifference(request, `${proxy.name}: ${difference}`);
}

/** Status of the last answer, the one with which a proxy ended the connection; 0 for none. */
function lastStatus(text: string, requests: readonly ReadRequest[]): number {
  let at = 0;
  let status = 0;
  for (let answered = 0; at < text.length;) {
    const read = readResponse(text, at, requests[answered]?.method ?? 'GET', true);
    if (read === 'incomplete' || 'fault' in read) return status;
    status = read.value.status;
    if (status >= 200) answered += 1;
    at = read.end;
  }
  return status;
}
