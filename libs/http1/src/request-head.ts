import type { Framing } from './framing.ts';
import { FRAMING_NONE } from './framing.ts';
import { HeaderBlock } from './header-block.ts';
import { PATH_PLAIN } from './path.ts';

/**
 * A parsed request head. One object per connection, reused: its fields are valid from the moment
 * `RequestParser.parse` returns a positive number until `RequestParser.reset`.
 */
export class RequestHead extends HeaderBlock {
  /** As sent; methods are case-sensitive. One shared string per standard method. */
  method = '';
  /** What to forward: `path` and `query`. Origin-form (absolute-form is resolved), or `*`. */
  target = '';
  /** The path in normal form (see `normalPath`), or `*`. */
  path = '';
  /** `PATH_` flags of what the path was sent with; unless plain, see `pathReadings`. */
  pathFlags = PATH_PLAIN;
  /** From the first `?` on, as sent; or ''. */
  query = '';
  /**
   * Canonical host: lower case, no port, one trailing dot removed, IPv6 as RFC 5952 says and in
   * brackets. Empty only for an HTTP/1.0 request that names none.
   */
  host = '';
  /** `:8080` as sent, also when it is the default port; '' when absent. */
  hostPort = '';
  minorVersion: 0 | 1 = 1;
  framing: Framing = FRAMING_NONE;
  /** Value of Content-Length; -1 when there is none. */
  contentLength = -1;
  /** Whether the client lets the connection live on (RFC 9112 section 9.3). */
  persistent = false;
  /** `Expect: 100-continue`; always false for HTTP/1.0 (RFC 9110 section 10.1.1). */
  expectContinue = false;
  /** Value of the one Upgrade header if Connection names it and the version is 1.1; else ''. */
  upgrade = '';
}
