/** A start that failed for a reason that the operator can put right; the message is for them. */
export class StartError extends Error {
  override readonly name = 'StartError';

  /** One line: what did not work, and why. Addresses and credentials are left to the cause. */
  static from(what: string, cause: unknown): StartError {
    return new StartError(`${what}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ');
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : `${cause.message}: ${reasonOf(cause.cause)}`;
}
