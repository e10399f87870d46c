import { createProblem, ERRORS, PROBLEM_MEDIA_TYPE, type ErrorCode } from '@headgate/errors';
import { BoundedMap, flatText } from '@headgate/runtime';

/** An answer that the edge gives itself. */
export interface LocalReply {
  readonly code: ErrorCode;
  /** The status of the code's table row. */
  readonly status: number;
  /** Further header lines, each with CRLF; '' for none. */
  readonly headers: string;
  /** Sentence for this occurrence; '' for none. Never contains bytes of the request. */
  readonly detail: string;
  readonly template: ReplyTemplate;
}

/** What is the same in all replies of a code and a detail. */
interface ReplyTemplate {
  /** From the status line to the value of `Content-Length`. */
  readonly head: string;
  /** The body before the request id, with the end of the head in front of it, and after the id. */
  readonly before: string;
  readonly after: string;
  /** Bytes of the body but for the id. */
  readonly bytes: number;
  /** From the status line to the value of `X-Request-Id`, for ids as long as the last one was. */
  start: string;
  startIdLength: number;
  /** Of the last reply with a body. */
  readonly last: Middle;
}

/** What stands between the two request ids of a reply. In a flood of denials it is the same for a second. */
interface Middle {
  dateLine: string;
  headers: string;
  connection: string;
  text: string;
  /** `text` is in one piece of memory: it was needed more than once. */
  isFlat: boolean;
}

/**
 * Replies of a code that are kept, some 1 KB each. Details are fixed sentences and sentences with the name of a limit, and tenants
 * choose the names: with more of them the oldest makes room, so whoever brings many names pays for each new one, and all others at
 * most once for so many of these.
 */
const DETAILS_MAX = 512;

/** Replies without headers, by code and detail. */
const REPLIES = new Map<ErrorCode, BoundedMap<string, LocalReply>>();

/** The reply of a code. Replies without headers are shared objects. @hot */
export function localReply(code: ErrorCode, headers = '', detail = ''): LocalReply {
  const reply = REPLIES.get(code)?.get(detail) ?? createReply(code, detail);
  if (headers === '') return reply;
  return { code, status: reply.status, headers, detail, template: reply.template };
}

function createReply(code: ErrorCode, detail: string): LocalReply {
  const { status } = ERRORS[code];
  const template = createTemplate(code, status, detail);
  const reply: LocalReply = Object.freeze({ code, status, headers: '', detail, template });
  let ofCode = REPLIES.get(code);
  if (ofCode === undefined) {
    ofCode = new BoundedMap(DETAILS_MAX);
    REPLIES.set(code, ofCode);
  }
  ofCode.set(detail, reply);
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
  508: 'Loop Detected',
};

/** Marks where the request id goes in a prebuilt body; no byte of it can occur in the rest. */
const ID_MARK = '\u0001';

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
  const { template } = reply;
  if (template.startIdLength !== requestId.length) setStart(template, requestId.length);
  const start = template.start + requestId;
  if (!withBody) return start + '\r\n' + dateLine + reply.headers + connection + '\r\n';
  const middle = middleOf(template, dateLine, reply.headers, connection);
  return start + middle + requestId + template.after;
}

/** @hot */
function middleOf(
  { before, last }: ReplyTemplate,
  dateLine: string,
  headers: string,
  connection: string,
): string {
  const isSame =
    last.dateLine === dateLine && last.headers === headers && last.connection === connection;
  if (!isSame) {
    last.dateLine = dateLine;
    last.headers = headers;
    last.connection = connection;
    last.text = '\r\n' + dateLine + headers + connection + before;
    last.isFlat = false;
  } else if (!last.isFlat) {
    last.text = flatText(last.text);
    last.isFlat = true;
  }
  return last.text;
}

/** Ids of a process grow by a character at most ten times. */
function setStart(template: ReplyTemplate, idLength: number): void {
  template.start = flatText(`${template.head}${template.bytes + idLength}\r\nX-Request-Id: `);
  template.startIdLength = idLength;
}

/** `Connection` line, with CRLF, of an answer; '' where the version's default says it (RFC 9112 section 9.3). @hot */
export function connectionLine(keepAlive: boolean, clientMinorVersion: 0 | 1): string {
  if (!keepAlive) return 'Connection: close\r\n';
  return clientMinorVersion === 0 ? 'Connection: keep-alive\r\n' : '';
}

function createTemplate(code: ErrorCode, status: number, detail: string): ReplyTemplate {
  const members = detail === '' ? {} : { detail };
  const problem = createProblem(code, { ...members, requestId: ID_MARK });
  const mark = JSON.stringify(ID_MARK).slice(1, -1);
  const [before = '', after = ''] = `\r\n${JSON.stringify(problem)}\n`.split(mark);
  const head =
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
    'Cache-Control: no-store\r\nContent-Length: ';
  const bytes = before.length - '\r\n'.length + after.length;
  const last = { dateLine: 'of no reply', headers: '', connection: '', text: '', isFlat: false };
  return { head, before, after, bytes, start: '', startIdLength: -1, last };
}
