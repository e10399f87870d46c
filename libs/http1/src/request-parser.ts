import { CR, LF, SP, TARGET, TOKEN, latin1Text } from './bytes.ts';
import { checkFraming, readContentLength } from './body-framing.ts';
import { HTTP1_FAULTS } from './faults.ts';
import type { Http1Fault } from './faults.ts';
import { FieldScanner, SCAN_FAULT, SCAN_MORE } from './field-scanner.ts';
import { FieldSurvey } from './field-survey.ts';
import { FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE } from './framing.ts';
import { SLOT_VALUE_END, SLOT_VALUE_START } from './header-block.ts';
import { HeadBuffer } from './head-buffer.ts';
import { HostCache, HostReader } from './host-reader.ts';
import { DEFAULT_HTTP1_LIMITS, METHOD_BYTES_MAX } from './limits.ts';
import type { Http1Limits } from './limits.ts';
import { isRefusedMethod, standardMethod } from './methods.ts';
import { PATH_ESCAPED, normalPath } from './path.ts';
import { RequestHead } from './request-head.ts';
import { TargetParts, checkTarget } from './target.ts';
import {
  VERSION_BYTES,
  VERSION_MAJOR,
  VERSION_MINOR,
  isUsualVersion,
  isVersionByte,
  minorVersionOf,
} from './version.ts';

const AT_LEAD = 0;
const AT_LEAD_LF = 1;
const AT_LEAD_END = 2;
const AT_METHOD = 3;
const AT_TARGET = 4;
const AT_VERSION = 5;
const AT_FIELDS = 6;
const AT_END = 7;
const AT_FAULT = 8;

/**
 * Strict, resumable parser of request heads; one per downstream connection.
 *
 *     lead (one CRLF) ─► method ─► target ─► version ─► fields ─► end
 *           any of them ─► fault: stays until the connection is closed
 *
 * Every byte is looked at once, and each fault is found at the byte that makes the head faulty, so
 * neither the work nor the verdict depends on how the bytes were split.
 */
export class RequestParser {
  readonly head = new RequestHead();
  fault: Http1Fault | null = null;
  readonly #limits: Http1Limits;
  readonly #fields: FieldScanner;
  readonly #survey = new FieldSurvey();
  readonly #parts = new TargetParts();
  readonly #host: HostReader;
  readonly #held = new HeadBuffer();
  #state = AT_LEAD;
  /** Bytes of the head looked at so far, and offsets into the head. */
  #scanned = 0;
  #methodEnd = 0;
  #targetStart = 0;
  #targetEnd = 0;

  /** @param hosts shared by the parsers of a worker; default: one of its own. */
  constructor(limits: Http1Limits = DEFAULT_HTTP1_LIMITS, hosts: HostCache = new HostCache()) {
    this.#host = new HostReader(hosts);
    this.#limits = limits;
    this.#fields = new FieldScanner(this.head, limits, false);
  }

  /** Any byte of the next head was seen; the tolerated CRLF before it does not count. */
  get started(): boolean {
    return this.#state >= AT_METHOD;
  }

  /** Makes the parser ready for the next head on this connection; `head` loses its content. */
  reset(): void {
    this.fault = null;
    this.head.clearHeaders();
    this.#held.clear();
    this.#state = AT_LEAD;
    this.#scanned = 0;
  }

  /**
   * Takes bytes of the head from `chunk[start, end)`. Returns how many of them belong to the head
   * when it is complete, 0 when more are needed (all were taken, and copied: the caller may reuse
   * the chunk), -1 on a fault, see `fault`. Throws when called after a head without `reset()`.
   * @hot
   */
  parse(chunk: Uint8Array, start: number, end: number): number {
    if (this.#state === AT_FAULT) return -1;
    if (this.#state === AT_END) throw new Error('parse() after a complete head needs a reset()');
    let from = start;
    if (this.#state <= AT_LEAD_END) {
      from = this.#skipLead(chunk, start, end);
      if (this.#state <= AT_LEAD_END) return 0;
      if (this.fault !== null) return -1;
    }
    const heldBefore = this.#held.length;
    const max = this.#limits.headBytesMax;
    let length: number;
    if (heldBefore === 0) {
      length = this.#scan(chunk, from, end - from > max ? from + max : end);
      if (length === SCAN_MORE) this.#held.append(chunk, from, end, max);
    } else {
      this.#held.append(chunk, from, end, max);
      length = this.#scan(this.#held.bytes, 0, this.#held.length);
    }
    return length > 0 ? from - start + length - heldBefore : length;
  }

  /** One CRLF before a request line is tolerated (RFC 9112 section 2.2). */
  #skipLead(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    if (this.#state === AT_LEAD && at < end) {
      if (chunk[at] === CR) {
        at++;
        this.#state = AT_LEAD_LF;
      } else this.#state = AT_METHOD;
    }
    if (this.#state === AT_LEAD_LF && at < end) {
      if (chunk[at] === LF) {
        at++;
        this.#state = AT_LEAD_END;
      } else this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
    }
    if (this.#state === AT_LEAD_END && at < end) this.#state = AT_METHOD;
    return at;
  }

  /**
   * Goes on in the head that begins at `bytes[base]`. Returns its length, or a `SCAN_` result.
   * @hot
   */
  #scan(bytes: Uint8Array, base: number, limit: number): number {
    let at = base + this.#scanned;
    if (this.#state === AT_METHOD) at = this.#scanMethod(bytes, base, at, limit);
    if (this.#state === AT_TARGET) at = this.#scanTarget(bytes, base, at, limit);
    if (this.#state === AT_VERSION) at = this.#scanVersion(bytes, base, at, limit);
    if (this.#state === AT_FIELDS) {
      const end = this.#fields.scan(bytes, base, at, limit);
      if (end === SCAN_FAULT) return this.#fail(this.#fields.fault);
      if (end !== SCAN_MORE) return this.#finish(bytes, base, end);
      at = limit;
    }
    if (this.#state === AT_FAULT) return SCAN_FAULT;
    this.#scanned = at - base;
    if (this.#scanned < this.#limits.headBytesMax) return SCAN_MORE;
    return this.#fail(HTTP1_FAULTS.HG_HTTP_HEAD_TOO_LARGE);
  }

  /** @hot */
  #scanMethod(bytes: Uint8Array, base: number, from: number, limit: number): number {
    let at = from;
    while (at < limit && TOKEN[bytes[at] ?? 0] === 1) at++;
    const length = at - base;
    if (length > METHOD_BYTES_MAX) this.#fail(HTTP1_FAULTS.HG_HTTP_METHOD_INVALID);
    if (at === limit) return at;
    if (bytes[at] !== SP || length === 0) this.#fail(HTTP1_FAULTS.HG_HTTP_METHOD_INVALID);
    if (this.#state === AT_FAULT) return at;
    const method = standardMethod(bytes, base, at);
    this.head.method = method;
    if (method === '' && isRefusedMethod(bytes, base, at)) {
      this.#fail(HTTP1_FAULTS.HG_HTTP_METHOD_REFUSED);
      return at;
    }
    this.#methodEnd = length;
    this.#targetStart = length + 1;
    this.#state = AT_TARGET;
    return at + 1;
  }

  /** @hot */
  #scanTarget(bytes: Uint8Array, base: number, from: number, limit: number): number {
    let at = from;
    while (at < limit && TARGET[bytes[at] ?? 0] === 1) at++;
    const start = base + this.#targetStart;
    if (at - start > this.#limits.targetBytesMax) {
      this.#fail(HTTP1_FAULTS.HG_HTTP_TARGET_TOO_LONG);
    }
    if (at === limit || this.#state === AT_FAULT) return at;
    if (bytes[at] !== SP || at === start) {
      this.#fail(targetFault(bytes[at] ?? 0, at - start));
      return at;
    }
    const isOptions = this.head.method === 'OPTIONS';
    const fault = checkTarget(bytes, base, this.#targetStart, at - base, isOptions, this.#parts);
    if (fault !== null) this.#fail(fault);
    else this.#state = AT_VERSION;
    this.#targetEnd = at - base;
    return at + 1;
  }

  /** @hot */
  #scanVersion(bytes: Uint8Array, base: number, from: number, limit: number): number {
    const start = base + this.#targetEnd + 1;
    let at = from;
    if (at === start && limit - at > VERSION_BYTES && isUsualVersion(bytes, at)) {
      at += VERSION_BYTES;
    }
    while (at < limit && at - start < VERSION_BYTES) {
      if (!isVersionByte(at - start, bytes[at] ?? 0)) {
        this.#fail(HTTP1_FAULTS.HG_HTTP_VERSION_INVALID);
        return at;
      }
      at++;
    }
    if (at < limit && at - start === VERSION_BYTES) {
      if (bytes[at] !== CR) {
        this.#fail(lineEndFault(bytes[at] ?? 0));
        return at;
      }
      at++;
    }
    if (at === limit) return at;
    if (bytes[at] !== LF) {
      this.#fail(HTTP1_FAULTS.HG_HTTP_BARE_CR);
      return at;
    }
    const minor = minorVersionOf(
      bytes[start + VERSION_MAJOR] ?? 0,
      bytes[start + VERSION_MINOR] ?? 0,
    );
    if (minor === -1) {
      this.#fail(HTTP1_FAULTS.HG_HTTP_VERSION_UNSUPPORTED);
      return at;
    }
    this.head.minorVersion = minor;
    this.#fields.start(at + 1 - base);
    this.#state = AT_FIELDS;
    return at + 1;
  }

  /**
   * Gives the complete head its meaning: framing, host, target, connection.
   * @hot
   */
  #finish(bytes: Uint8Array, base: number, end: number): number {
    const head = this.head;
    const survey = this.#survey;
    head.text = latin1Text(bytes, base, end);
    survey.read(head);
    const fault = this.#readFraming() ?? this.#readHost() ?? this.#readExpect();
    if (fault !== null) return this.#fail(fault);
    this.#readTarget();
    if (head.method === '') head.method = head.text.substring(0, this.#methodEnd);
    const modern = head.minorVersion === 1;
    head.persistent = !survey.optionClose && (modern || survey.optionKeepAlive);
    const upgrades = modern && survey.optionUpgrade && survey.upgradeCount === 1;
    head.upgrade = upgrades ? head.value(survey.upgrade) : '';
    this.#state = AT_END;
    return end - base;
  }

  #readFraming(): Http1Fault | null {
    const head = this.head;
    const survey = this.#survey;
    head.framing = FRAMING_NONE;
    head.contentLength = -1;
    if (survey.tooManyOptions) return HTTP1_FAULTS.HG_HTTP_CONNECTION_INVALID;
    const fault = checkFraming(head, survey, head.minorVersion);
    if (fault !== null) return fault;
    if (survey.transferEncodingCount !== 0) head.framing = FRAMING_CHUNKED;
    if (survey.contentLengthCount === 0) return null;
    head.contentLength = readContentLength(head, survey.contentLength);
    head.framing = FRAMING_LENGTH;
    return head.contentLength === -1 ? HTTP1_FAULTS.HG_HTTP_LENGTH_INVALID : null;
  }

  /**
   * Exactly one Host (RFC 9112 section 3.2), which HTTP/1.0 alone may lack. In absolute-form the
   * target's authority must be the same host and port: the RFC lets it win, but what a server
   * behind believes is then a matter of luck.
   */
  #readHost(): Http1Fault | null {
    const head = this.head;
    const survey = this.#survey;
    const parts = this.#parts;
    const host = this.#host;
    head.host = '';
    head.hostPort = '';
    if (survey.hostCount > 1) return HTTP1_FAULTS.HG_HTTP_HOST_REPEATED;
    if (survey.hostCount === 1) {
      const start = head.slot(survey.host, SLOT_VALUE_START);
      const end = head.slot(survey.host, SLOT_VALUE_END);
      if (!host.read(head.text, start, end)) return HTTP1_FAULTS.HG_HTTP_HOST_INVALID;
      head.host = host.host;
      head.hostPort = host.port;
    } else if (head.minorVersion === 1) return HTTP1_FAULTS.HG_HTTP_HOST_MISSING;
    if (parts.authorityStart === parts.authorityEnd) return null;
    if (!host.read(head.text, parts.authorityStart, parts.authorityEnd)) {
      return HTTP1_FAULTS.HG_HTTP_HOST_INVALID;
    }
    if (survey.hostCount === 1 && (host.host !== head.host || host.port !== head.hostPort)) {
      return HTTP1_FAULTS.HG_HTTP_HOST_MISMATCH;
    }
    head.host = host.host;
    head.hostPort = host.port;
    return null;
  }

  /** HTTP/1.0 knows no expectations: one in it is ignored (RFC 9110 section 10.1.1). */
  #readExpect(): Http1Fault | null {
    const { head } = this;
    const survey = this.#survey;
    head.expectContinue = head.minorVersion === 1 && survey.expectContinue;
    if (!survey.expectOther || head.minorVersion === 0) return null;
    return HTTP1_FAULTS.HG_HTTP_EXPECTATION;
  }

  /** @hot */
  #readTarget(): void {
    const head = this.head;
    const { pathStart, pathEnd, pathFlags } = this.#parts;
    const text = head.text;
    const end = this.#targetEnd;
    head.query = pathEnd === end ? '' : text.substring(pathEnd, end);
    head.pathFlags = pathFlags;
    if (pathStart === pathEnd) this.#readEmptyPath();
    else if ((pathFlags & PATH_ESCAPED) !== 0) {
      head.path = normalPath(text.substring(pathStart, pathEnd));
      head.target = head.path + head.query;
    } else {
      head.path = text.substring(pathStart, pathEnd);
      head.target = pathEnd === end ? head.path : text.substring(pathStart, end);
    }
  }

  /** `*`, or an absolute-form without a path (RFC 9112 sections 3.2.1 and 3.2.4). */
  #readEmptyPath(): void {
    const head = this.head;
    const asterisk = this.#parts.authorityStart === this.#parts.authorityEnd;
    if (asterisk || (head.method === 'OPTIONS' && head.query === '')) {
      head.path = '*';
      head.query = '';
      head.target = '*';
    } else {
      head.path = '/';
      head.target = `/${head.query}`;
    }
  }

  #fail(fault: Http1Fault | null): number {
    this.fault = fault;
    this.#state = AT_FAULT;
    return SCAN_FAULT;
  }
}

function targetFault(byte: number, length: number): Http1Fault {
  if (byte === SP) return HTTP1_FAULTS.HG_HTTP_TARGET_INVALID;
  if (byte !== CR && byte !== LF) return HTTP1_FAULTS.HG_HTTP_TARGET_BYTE;
  // `GET /` and nothing else: HTTP/0.9.
  return length === 0 ? HTTP1_FAULTS.HG_HTTP_TARGET_INVALID : HTTP1_FAULTS.HG_HTTP_VERSION_INVALID;
}

function lineEndFault(byte: number): Http1Fault {
  return byte === LF ? HTTP1_FAULTS.HG_HTTP_BARE_LF : HTTP1_FAULTS.HG_HTTP_VERSION_INVALID;
}
