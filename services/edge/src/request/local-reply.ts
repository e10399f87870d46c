import { createProblem, ERRORS, PROBLEM_MEDIA_TYPE, type ErrorCode } from '@headgate/errors';

/** An answer that the edge gives itself. */
export interface LocalReply {
  readonly code: ErrorCode;
  /** The status of the code's table row, unless a caller knows better (405 needs none other). */
  readonly status: number;
  /** Further header lines, each with CRLF; '' for none. */
  readonly headers: string;
  /** Sentence for this occurrence; '' for none. Never contains bytes of the request. */
  readonly detail: string;
}

/** Replies without headers and detail, one per code, made once. */
const PLAIN_REPLIES = new Map<ErrorCode, LocalReply>();

/** The reply of a code. Replies without headers and detail are shared objects. */
export function localReply(code: ErrorCode, headers = '', detail = ''): LocalReply {
  if (headers !== '' || detail !== '') {
    return { code, status: ERRORS[code].status, headers, detail };
  }
  let reply = PLAIN_REPLIES.get(code);
  if (reply === undefined) {
    reply = Object.freeze({ code, status: ERRORS[code].status, headers: '', detail: '' });
    PLAIN_REPLIES.set(code, reply);
  }
  return reply;
}

/** Reason phrases of the statuses in the table of codes. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** Marks where the request id goes in a prebuilt body; no byte of it can occur in the rest. */
const ID_MARK = '\u0001';

interface Template {
  readonly before: string;
  readonly after: string;
}

const TEMPLATES = new Map<string, Template>();

/** Bounds the templates: details are fixed sentences, so there are few. */
const TEMPLATES_MAX = 512;

/**
 * Head and body of a local reply as latin1 text.
 *
 * @param dateLine `Date` line with CRLF.
 * @param connection see {@link connectionLine}.
 * @param withBody false for answers to HEAD, which announce the body only.
 * @hot
 */
export function writeLocalReply(
  reply: LocalReply,
  requestId: string,
  dateLine: string,
  connection: string,
  withBody: boolean,
): string {
  const { before, after } = templateOf(reply);
  const bytes = before.length + requestId.length + after.length;
  return (
    `HTTP/1.1 ${reply.status} ${REASONS[reply.status] ?? ''}\r\n` +
    `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${bytes}\r\n` +
    `X-Request-Id: ${requestId}\r\nCache-Control: no-store\r\n` +
    dateLine +
    reply.headers +
    connection +
    '\r\n' +
    (withBody ? before + requestId + after : '')
  );
}

/** `Connection` line, with CRLF, of an answer; '' where the version's default says it (RFC 9112 section 9.3). @hot */
export function connectionLine(keepAlive: boolean, clientMinorVersion: 0 | 1): string {
  if (!keepAlive) return 'Connection: close\r\n';
  return clientMinorVersion === 0 ? 'Connection: keep-alive\r\n' : '';
}

function templateOf(reply: LocalReply): Template {
  const key = `${reply.code} ${reply.detail}`;
  let template = TEMPLATES.get(key);
  if (template !== undefined) return template;
  const members = reply.detail === '' ? {} : { detail: reply.detail };
  const problem = createProblem(reply.code, { ...members, requestId: ID_MARK });
  const [before = '', after = ''] = JSON.stringify(problem).split(
    JSON.stringify(ID_MARK).slice(1, -1),
  );
  template = { before, after: `${after}\n` };
  if (TEMPLATES.size < TEMPLATES_MAX) TEMPLATES.set(key, template);
  return template;
}
