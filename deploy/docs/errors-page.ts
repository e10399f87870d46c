import { ERRORS, PROBLEM_MEDIA_TYPE } from '@headgate/errors';
import { code, markdownTable, pageHead } from './markdown.ts';

/** `docs/reference/errors.md`, from the table of codes. */
export function renderErrorsPage(): string {
  const rows = Object.entries(ERRORS).map(([name, { status, source, retry, title }]) => [
    code(name),
    String(status),
    source,
    retry,
    title,
  ]);
  const intro = [
    `Errors are answered as \`${PROBLEM_MEDIA_TYPE}\` (RFC 9457) with \`code\` and \`requestId\`. Codes are stable.`,
    'Source: who is at fault – the client side (`downstream`), the backend (`upstream`) or Headgate (`gateway`).',
    'Retry: whether the same request can succeed – `never`, `now`, or `later` (see `Retry-After`).',
  ].join('\n');
  return `${pageHead('Error codes', intro)}\n${markdownTable(['code', 'status', 'source', 'retry', 'meaning'], rows)}`;
}
