import type { ErrorCode } from '@headgate/errors';
import type { Http1Fault } from '@headgate/http1';
import { localReply, type LocalReply } from '../request/local-reply.ts';

/** The code of the table for each status that the codec refuses with. */
const CODES: Readonly<Record<Http1Fault['status'], ErrorCode>> = {
  400: 'HG_HTTP_MALFORMED',
  405: 'HG_HTTP_METHOD_NOT_ALLOWED',
  414: 'HG_HTTP_TARGET_TOO_LONG',
  417: 'HG_HTTP_EXPECTATION_FAILED',
  431: 'HG_HTTP_HEAD_TOO_LARGE',
  501: 'HG_HTTP_NOT_IMPLEMENTED',
  505: 'HG_HTTP_VERSION_UNSUPPORTED',
};

/** RFC 9110 section 15.5.6 wants the list; CONNECT and TRACE are the methods that are refused. */
const ALLOW = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n';

/** The reply to a request that the codec refused; the codec's sentence, which holds no byte of the request, is its detail. */
export function faultReply(fault: Http1Fault | null): LocalReply {
  if (fault === null) return localReply('HG_HTTP_MALFORMED');
  return localReply(CODES[fault.status], fault.status === 405 ? ALLOW : '', fault.message);
}
