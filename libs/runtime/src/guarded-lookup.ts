/** An address that a name was resolved to; as `node:dns` has it. */
export interface ResolvedAddress {
  readonly address: string;
  /** 4 or 6 */
  readonly family: number;
}

/** As `lookup` of `node:dns` with `all`. */
export type ResolveAll = (
  name: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: ResolvedAddress[]) => void,
) => void;

/** As the option `lookup` of `net.connect`. */
export type GuardedLookup = (
  name: string,
  options: { readonly all?: boolean | undefined },
  done: (
    error: NodeJS.ErrnoException | null,
    address: string | ResolvedAddress[],
    family?: number,
  ) => void,
) => void;

/** Code of the error of a name all of whose addresses are refused. */
export const ADDRESS_REFUSED = 'ADDRESS_REFUSED';

/**
 * Creates the `lookup` of `net.connect` that connects to none of the addresses that are refused: what was looked at is what is connected
 * to. Addresses in place of names never come here.
 *
 * @param resolve `lookup` of `node:dns`.
 * @param isRefused tells of an address that `name` was resolved to.
 */
export function createGuardedLookup(
  resolve: ResolveAll,
  isRefused: (address: string, name: string) => boolean,
): GuardedLookup {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const isPermitted = ({ address }: ResolvedAddress) => !isRefused(address, name);
      const [first, ...others] = error === null ? addresses.filter(isPermitted) : [];
      if (first === undefined) done(error ?? refusal(name), []);
      else if (options.all === true) done(null, [first, ...others]);
      else done(null, first.address, first.family);
    });
  };
}

function refusal(name: string): NodeJS.ErrnoException {
  const error = new Error(`${name} has no address that is permitted`);
  return Object.assign(error, { code: ADDRESS_REFUSED, syscall: 'lookup' });
}
