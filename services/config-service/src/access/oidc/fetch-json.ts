/** What {@link createFetchJson} works with. */
export interface FetchJsonOptions {
  readonly fetch: typeof globalThis.fetch;
  /** Longest wait for the whole answer, ms. */
  readonly timeoutMs: number;
  /** Largest body. */
  readonly bytesMax: number;
}

/** Gets JSON from a URL. Rejects for any other answer than 200 with JSON within the bounds. */
export type FetchJson = (url: URL) => Promise<unknown>;

/** Creates a GET with bounds of time and size that follows no redirect. */
export function createFetchJson({ fetch, timeoutMs, bytesMax }: FetchJsonOptions): FetchJson {
  return async (url) => {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`${url.href} answers with status ${response.status}`);
    }
    const parsed: unknown = JSON.parse(await readText(response, bytesMax, url));
    return parsed;
  };
}

async function readText(response: Response, bytesMax: number, url: URL): Promise<string> {
  const body: AsyncIterable<Uint8Array> | null = response.body;
  if (body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  // Leaving the loop by a throw cancels the body.
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`${url.href} answers with more than ${bytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
