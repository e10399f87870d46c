import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';

/** Uses of a statement before it is prepared, as in PostgreSQL's own JDBC driver. */
const USES_BEFORE = 5;
/** Statements told apart; later ones are not prepared. A plan takes tens of KiB on each connection; those of a write are ten. */
const STATEMENTS_MAX = 100;

/**
 * A pool for Kysely that has statements prepared which come again and again: of a short statement, to parse and plan it is
 * most of its work. PostgreSQL plans a prepared one anew for each use until a plan for all of them is as good.
 *
 * @param pool its owner is whoever made it; Kysely ends it.
 */
export function createPreparingPool(pool: pg.Pool): PostgresPool {
  const clients = new WeakMap<pg.PoolClient, PreparingClient>();
  const names = new StatementNames();
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect();
      const known = clients.get(client) ?? new PreparingClient(client, names);
      clients.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

/** The names of statements that are prepared, the same on every connection. */
export class StatementNames {
  readonly #uses = new Map<string, { readonly name: string; count: number }>();

  /** Counts a use; undefined if the statement is not to be prepared. */
  nameOf(statement: string): string | undefined {
    let use = this.#uses.get(statement);
    if (use === undefined) {
      // A newer replica may add columns while this one runs, and a prepared statement must not give other ones than before.
      if (this.#uses.size >= STATEMENTS_MAX || /^\s*select \*|\breturning \*/i.test(statement)) {
        return undefined;
      }
      use = { name: `headgate_${this.#uses.size}`, count: 0 };
      this.#uses.set(statement, use);
    }
    if (use.count < USES_BEFORE) {
      use.count += 1;
      return undefined;
    }
    return use.name;
  }
}

class PreparingClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #names: StatementNames;

  constructor(client: pg.PoolClient, names: StatementNames) {
    this.#client = client;
    this.#names = names;
  }

  query<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  query<Row>(
    statement: string | PostgresCursor<Row>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new TypeError('the store reads without cursors');
    // Without parameters it is a command, such as begin.
    const name = parameters.length === 0 ? undefined : this.#names.nameOf(statement);
    const query = { text: statement, values: [...parameters], ...(name && { name }) };
    return this.#client.query(query) as unknown as Promise<PostgresQueryResult<Row>>; // the driver's own types are looser
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy);
  }
}
