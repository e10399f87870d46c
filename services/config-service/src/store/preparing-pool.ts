import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';

/** Uses of a statement before it is prepared, as in PostgreSQL's own JDBC driver. */
const USES_BEFORE = 5;
/** Statements told apart; later ones are not prepared. A plan takes tens of KiB on each connection; those of a write are ten. */
const STATEMENTS_MAX = 100;

/**
 * A pool for Kysely that has statements prepared which come again and again: of a short statement, to parse and plan it is
 * most of its work. PostgreSQL plans a prepared one anew for each use until a plan for all of them is as good.
 * A connection that broke, or on which a query got no answer, is not used again.
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
  /**
   * What the connection broke with, or a query that the server has not answered: to the driver that is under way for ever, and
   * others wait behind it.
   */
  #failure: Error | null = null;

  constructor(client: pg.PoolClient, names: StatementNames) {
    this.#client = client;
    this.#names = names;
    // While it is lent, the pool does not listen: an error between two queries of a transaction would end the process.
    client.on('error', (error) => (this.#failure ??= error));
  }

  query<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  query<Row>(
    statement: string | PostgresCursor<Row>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<Row>> | PostgresCursor<Row> {
    if (typeof statement !== 'string') throw new TypeError('the store reads without cursors');
    // A rollback, say: there is no need to wait for another answer that does not come.
    if (this.#failure !== null) return Promise.reject(this.#failure);
    // Without parameters it is a command, such as begin.
    const name = parameters.length === 0 ? undefined : this.#names.nameOf(statement);
    const query = { text: statement, values: [...parameters], ...(name && { name }) };
    const answer = this.#client.query(query) as unknown as Promise<PostgresQueryResult<Row>>; // the driver's own types are looser
    return answer.catch((error: unknown) => {
      if (error instanceof Error && !(error instanceof pg.DatabaseError)) this.#failure = error;
      throw error;
    });
  }

  /** Ends the connection if it left a query without an answer. */
  release(destroy = false): void {
    this.#client.release(destroy || this.#failure !== null);
  }
}
