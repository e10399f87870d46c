const REASON_CHARS_MAX = 400;

/** Cuts a reason to what logs, presence and acknowledgements can carry. */
export function shortReason(reason: string): string {
  return reason.length > REASON_CHARS_MAX ? `${reason.slice(0, REASON_CHARS_MAX)}…` : reason;
}
