/**
 * A start that failed for a reason that the operator can put right. The message is for them: what
 * did not work, and why, without credentials.
 */
export class StartError extends Error {
  override readonly name: string = 'StartError';

  /** One line: `what`, and why. The messages of nested causes are joined. */
  static from(what: string, cause: unknown): StartError {
    return new StartError(`${what}: ${reasonOf(cause)}`, { cause });
  }

  /** Why `purpose`, such as "the admin server", cannot listen. */
  static listening(
    purpose: string,
    address: { readonly host: string; readonly port: number },
    cause: unknown,
  ): StartError {
    const inUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    const reason = inUse ? 'the port is in use' : reasonOf(cause);
    const { host, port } = address;
    return new StartError(`cannot listen on ${host}:${port} for ${purpose}: ${reason}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ');
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : `${cause.message}: ${reasonOf(cause.cause)}`;
}
