import type { Framing } from './framing.ts';
import { FRAMING_NONE } from './framing.ts';
import { HeaderBlock } from './header-block.ts';

/**
 * A parsed response head. One object per connection, reused: its fields are valid from the moment
 * `ResponseParser.parse` returns a positive number until `ResponseParser.reset`.
 */
export class ResponseHead extends HeaderBlock {
  /** 100 to 599. */
  status = 0;
  /** Reason phrase as sent, latin1; may be ''. */
  reason = '';
  minorVersion: 0 | 1 = 1;
  /** Of this message: always none for 1xx, 204, 304 and answers to HEAD. */
  framing: Framing = FRAMING_NONE;
  /**
   * Value of Content-Length, also where no body follows (HEAD, 304); -1 when there is none, and for
   * 1xx and 204, which must not have one (RFC 9110 section 8.6).
   */
  contentLength = -1;
  /** Whether the connection may carry another exchange once the body is complete. */
  persistent = false;
  /** Value of the one Upgrade header if Connection names it and the version is 1.1; else ''. */
  upgrade = '';
}
