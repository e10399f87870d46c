import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { z } from 'zod';
import type { AdminToken } from './admin-token.ts';
import type { BundleSource } from './bundle-source.ts';
import { CliError, EXIT, RefusalError, type ExitCode } from './cli-error.ts';
import { faultsError } from './faults.ts';
import { ProblemReply } from './replies.ts';

/** A request to the config-service. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query, below the server's URL. */
  readonly path: string;
  readonly body?: unknown;
  /** Further header fields, such as `if-match`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for the answer, ms. Default 30,000. */
  readonly timeoutMs?: number;
  /** Where the body was written, to locate the faults that the server finds. */
  readonly source?: BundleSource;
}

/** Sends requests to one config-service. Whoever creates it closes it. */
export interface ApiClient {
  /**
   * Sends a request and checks the reply. If the connection breaks it is sent once more; writes carry an Idempotency-Key.
   *
   * @throws CliError for every other outcome than 2xx with a reply of the schema.
   */
  send<Schema extends z.ZodType>(schema: Schema, request: ApiRequest): Promise<z.output<Schema>>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5000;
const UNDER_WAY_PAUSE_MS = 250;
const REPLY_BYTES_MAX = 256 * 1024 * 1024;

/** Creates a client for the config-service at `url` (scheme, host, port; a path is kept). */
export function createApiClient(url: URL, token: AdminToken | null): ApiClient {
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxResponseSize: REPLY_BYTES_MAX,
  });
  const base = url.href.replace(/\/+$/, '');
  return {
    close: () => agent.close(),
    async send(schema, apiRequest) {
      const reply = await exchange(agent, base, token, apiRequest);
      if (reply.status >= 300) throw describeRefusal(reply, apiRequest, token);
      const parsed = schema.safeParse(reply.body);
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      throw new CliError(EXIT.failure, `${base} does not answer as a config-service does`, [
        `${apiRequest.method} ${apiRequest.path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
        'Check --url, and that command and server are of the same version.',
      ]);
    },
  };
}

interface Reply {
  readonly status: number;
  /** Parsed JSON; the text itself if it is none. */
  readonly body: unknown;
}

/** Sends a request, once more if the connection broke: with its key a write is still made only once. */
async function exchange(
  agent: Agent,
  base: string,
  token: AdminToken | null,
  apiRequest: ApiRequest,
): Promise<Reply> {
  const timeoutMs = apiRequest.timeoutMs ?? TIMEOUT_MS;
  const body = apiRequest.body === undefined ? null : JSON.stringify(apiRequest.body);
  const headers = {
    ...apiRequest.headers,
    accept: 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token.value}` }),
    ...(body === null ? {} : { 'content-type': 'application/json' }),
    ...(apiRequest.method === 'GET' ? {} : { 'idempotency-key': `"${randomUUID()}"` }),
  };
  const attempt = async (): Promise<Reply> => {
    const { method, path } = apiRequest;
    const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
    const options = { dispatcher: agent, method, headers, body, ...timeouts };
    const response = await request(`${base}${path}`, options);
    return { status: response.statusCode, body: parseJson(await response.body.text()) };
  };
  try {
    return await attempt().catch((error: unknown) => {
      if (!isConnectionLost(error)) throw error;
      return attemptUntilDone(attempt, timeoutMs);
    });
  } catch (error) {
    if (isPlainHttp(error)) {
      throw new CliError(
        EXIT.unreachable,
        `what answers at ${base} does not speak TLS`,
        [
          `Use ${base.replace('https:', 'http:')} (--url or HEADGATE_URL), or the address of a proxy with TLS ahead of it.`,
        ],
        error,
      );
    }
    throw new CliError(
      EXIT.unreachable,
      `cannot reach the config-service at ${base}: ${reasonOf(error)}`,
      ['Is it running (npm start)? Set another address with --url or HEADGATE_URL.'],
      error,
    );
  }
}

/** The first request may still be at work when it is repeated: then its reply is waited for. */
async function attemptUntilDone(attempt: () => Promise<Reply>, waitMs: number): Promise<Reply> {
  for (let waitedMs = 0; ; waitedMs += UNDER_WAY_PAUSE_MS) {
    const reply = await attempt();
    const { data: problem } = ProblemReply.safeParse(reply.body);
    if (problem?.code !== 'HG_API_REQUEST_UNDER_WAY' || waitedMs >= waitMs) return reply;
    await sleep(UNDER_WAY_PAUSE_MS);
  }
}

/** Not a refused connection, nor a timeout: those would only happen again. */
function isConnectionLost(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(code);
}

/** Was the answer to our TLS handshake something else, as an HTTP server's 400? */
function isPlainHttp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SSL_WRONG_VERSION_NUMBER';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A host with several addresses fails with one error for each of them, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function describeRefusal(reply: Reply, apiRequest: ApiRequest, token: AdminToken | null): CliError {
  const parsed = ProblemReply.safeParse(reply.body);
  if (!parsed.success) {
    return new CliError(
      exitCodeOf(reply.status),
      `${nameOf(apiRequest)} was answered with status ${reply.status}`,
      ['The answer is not that of a config-service; check --url.'],
    );
  }
  return new RefusalError(parsed.data, describeProblem(parsed.data, reply, apiRequest, token));
}

function describeProblem(
  problem: ProblemReply,
  { status }: Reply,
  apiRequest: ApiRequest,
  token: AdminToken | null,
): CliError {
  const exitCode = exitCodeOf(status);
  const code = problem.code === undefined ? '' : ` (${problem.code})`;
  if (problem.errors.length > 0) {
    const summary = `${problem.title}${code}`;
    return faultsError(exitCode, summary, problem.errors, apiRequest.source ?? null);
  }
  const lines = problem.detail === undefined ? [] : [problem.detail];
  if (status === 401) lines.push(tokenAdvice(token));
  if (status >= 500 && problem.requestId !== undefined) {
    lines.push(`Request id, to find it in the server's log: ${problem.requestId}`);
  }
  return new CliError(exitCode, `${nameOf(apiRequest)}: ${problem.title}${code}`, lines);
}

function exitCodeOf(status: number): ExitCode {
  return status < 500 ? EXIT.refused : EXIT.failure;
}

function nameOf({ method, path }: ApiRequest): string {
  return `${method} ${path.split('?')[0] ?? ''}`;
}

function tokenAdvice(token: AdminToken | null): string {
  return token === null
    ? 'No token was sent. Set HEADGATE_ADMIN_TOKEN, or --token.'
    : `The token came from ${token.origin}. Set another with HEADGATE_ADMIN_TOKEN or --token.`;
}
