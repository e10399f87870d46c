import { text } from 'node:stream/consumers';
import { createHttpOrigin } from './http-origin.ts';

/** A span as OTLP/JSON carries it. */
export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** Code 2: error. */
  readonly status: { readonly code?: number };
  readonly attributes: OtlpAttributes;
}

type OtlpAttributes = readonly { readonly key: string; readonly value: object }[];

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: OtlpAttributes };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** An OTLP/HTTP receiver for tests: it keeps what it gets. */
export interface OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** Everything received; the test may empty it. */
  readonly spans: OtlpSpan[];
  /** Attributes of the resource of each export. */
  readonly resources: Readonly<Record<string, unknown>>[];
  /** Set it to refuse exports with a 400. */
  failing: boolean;
  close(): Promise<void>;
}

/** Starts a receiver of traces on a free port of 127.0.0.1. */
export async function createOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: OtlpSpan[] = [];
  const resources: Readonly<Record<string, unknown>>[] = [];
  const origin = await createHttpOrigin(async (request, response) => {
    const body = await text(request);
    if (receiver.failing || request.url !== '/v1/traces') {
      response.writeHead(receiver.failing ? 400 : 404).end();
      return;
    }
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      resources.push(otlpAttributes(resource));
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  const receiver: OtlpReceiver = {
    ...{ url: origin.url, spans, resources, failing: false },
    close: () => origin.close(),
  };
  return receiver;
}

/** Attributes as a plain object. */
export function otlpAttributes(holder: {
  readonly attributes: OtlpAttributes;
}): Record<string, unknown> {
  return Object.fromEntries(
    holder.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}
