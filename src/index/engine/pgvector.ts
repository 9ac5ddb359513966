/**
 * PostgreSQL with pgvector as the engine, over any number of servers: row r lies on server r mod S, a search asks all of them. A generation is a table on each, whose
 * name says which place of how many it was loaded for: with other servers it is another one;
 * it is loaded in parts, each a transaction that also notes the part, then indexed (HNSW over half-precision vectors), then, in one transaction, marked
 * finished, put behind the view NAME, and the others are dropped. Where the servers are, and how they are logged in to, is told by SIMANS_PGVECTOR alone.
 */
import type pg from 'pg';
import { messageOf, UserError } from '../../core/errors.js';
import type { Phase } from '../../core/reporter.js';
import type { VectorRows } from '../storedVectors.js';
import type { Vectors } from '../vectors.js';
import type { EngineOptions, VectorEngine } from './index.js';
import { attempted, beginsOf, countingRows, inTurns, PART_ROWS, REQUEST_QUERIES } from './requests.js';

export const PGVECTOR_VARIABLE = 'SIMANS_PGVECTOR';
export const PG_INSTALL = 'npm i pg';
const ATTEMPTS = 5;
/** What pgvector allows. */
const MOST_EXPANSION = 1000;

/** One server, called by its host: never by its connection string. */
interface Server {
  readonly label: string;
  readonly pool: pg.Pool;
}

/** Of the servers that the environment names, one connection string after the other. */
export async function openPgvector(options: EngineOptions): Promise<VectorEngine> {
  const urls = process.env[PGVECTOR_VARIABLE]!.split(/\s+/).filter(Boolean);
  const library = await loadLibrary();
  const servers = urls.map((url, i) => serverOf(library, url, i, options.connections));
  const engine = new Pgvector(servers, options);
  try {
    await engine.prepare();
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

async function loadLibrary(): Promise<typeof pg> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    throw new UserError(`a vector engine is asked for, but pg cannot be loaded (${messageOf(error)}); install it with: ${PG_INSTALL}`);
  }
}

function serverOf(library: typeof pg, url: string, place: number, connections: number): Server {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^postgres(ql)?:$/.test(parsed.protocol))
    throw new UserError(
      `${PGVECTOR_VARIABLE}: the ${place + 1}. of its entries is no connection string; expected postgresql://user:password@host:5432/database`,
    );
  const pool = new library.Pool({ connectionString: url, max: connections });
  // A connection that breaks says so beside its query, which fails too and is tried again; unheard, it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return { label: `${parsed.host}${parsed.pathname}`, pool };
}

class Pgvector implements VectorEngine {
  constructor(
    private readonly servers: readonly Server[],
    private readonly options: EngineOptions,
  ) {}

  /** Makes the tables that remember generations; fails where a server cannot be reached or lacks pgvector. */
  async prepare(): Promise<void> {
    const { name } = this.options;
    await this.everywhere(async (client) => {
      await client.query('CREATE EXTENSION IF NOT EXISTS vector');
      await client.query(`CREATE TABLE IF NOT EXISTS ${name}_generations (generation text PRIMARY KEY)`);
      await client.query(`CREATE TABLE IF NOT EXISTS ${name}_parts (generation text, part integer, PRIMARY KEY (generation, part))`);
    });
  }

  async holds(generation: string): Promise<boolean> {
    return (await this.finished(generation)).every(Boolean);
  }

  async load(vectors: VectorRows, generation: string, phase: Phase): Promise<boolean> {
    const finished = await this.finished(generation);
    const onRows = countingRows(phase);
    await Promise.all(
      this.servers.map(async (server, place) => {
        if (finished[place]) return;
        await this.loadServer(server, place, vectors, this.placed(generation, place), onRows);
      }),
    );
    // Only now, when every server has all of its part.
    if (!finished.every(Boolean))
      await Promise.all(
        this.servers.map((server, place) => this.transaction(server, (client) => this.serve(client, this.placed(generation, place)))),
      );
    return finished.every(Boolean);
  }

  /** What of a generation lies on the server at this place, of so many. */
  private readonly placed = (generation: string, place: number): string => `${generation}_${place}of${this.servers.length}`;

  /** Of each server. */
  private finished(generation: string): Promise<boolean[]> {
    return this.everywhere(async (client, place) => {
      const { rowCount } = await client.query(`SELECT 1 FROM ${this.options.name}_generations WHERE generation = $1`, [
        this.placed(generation, place),
      ]);
      return rowCount === 1;
    });
  }

  private async loadServer(server: Server, place: number, vectors: VectorRows, generation: string, onRows: (rows: number) => void) {
    const { name, connectivity, addExpansion } = this.options;
    const table = `${name}_${generation}`;
    const done = await this.attempt(server, async (client) => {
      await client.query(`CREATE TABLE IF NOT EXISTS ${table} (id integer PRIMARY KEY, v halfvec(${vectors.width}) NOT NULL)`);
      const { rows } = await client.query<{ part: number }>(`SELECT part FROM ${name}_parts WHERE generation = $1`, [generation]);
      return new Set(rows.map(({ part }) => part));
    });
    const own = Math.ceil((vectors.size - place) / this.servers.length);
    const loadPart = async (begin: number): Promise<void> => {
      const part = begin / PART_ROWS;
      const count = Math.min(PART_ROWS, own - begin);
      const ids = Array.from({ length: count }, (_, i) => (begin + i) * this.servers.length + place);
      if (!done.has(part))
        await this.transaction(server, async (client) => {
          // Noted already where the answer to an earlier attempt was lost.
          const noted = await client.query(`INSERT INTO ${name}_parts VALUES ($1, $2) ON CONFLICT DO NOTHING`, [generation, part]);
          if (noted.rowCount === 0) return;
          await client.query(`INSERT INTO ${table} SELECT * FROM unnest($1::integer[], $2::halfvec[])`, [
            ids,
            ids.map((id) => literal(vectors.row(id))),
          ]);
        });
      onRows(count);
    };
    await inTurns(beginsOf(own, PART_ROWS), this.options.connections, loadPart);
    await this.attempt(server, (client) =>
      client.query(
        `CREATE INDEX IF NOT EXISTS ${table}_v ON ${table} USING hnsw (v halfvec_ip_ops) WITH (m = ${connectivity}, ef_construction = ${Math.max(addExpansion, 2 * connectivity)})`,
      ),
    );
  }

  /** Finished, behind the view, the others dropped; in the caller's transaction. */
  private async serve(client: pg.ClientBase, generation: string): Promise<void> {
    const { name } = this.options;
    const { rows } = await client.query<{ tablename: string }>(
      'SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename ~ $1 AND tablename <> $2',
      [`^${name}_[0-9a-f]{16}(_[0-9]+of[0-9]+)?$`, `${name}_${generation}`],
    );
    await client.query(`DROP VIEW IF EXISTS ${name}`);
    await client.query(`CREATE VIEW ${name} AS SELECT id, v FROM ${name}_${generation}`);
    for (const { tablename } of rows) await client.query(`DROP TABLE ${tablename}`);
    await client.query(`DELETE FROM ${name}_parts WHERE generation <> $1`, [generation]);
    await client.query(`DELETE FROM ${name}_generations WHERE generation <> $1`, [generation]);
    await client.query(`INSERT INTO ${name}_generations VALUES ($1) ON CONFLICT DO NOTHING`, [generation]);
  }

  async search(generation: string, { values, width: D }: Vectors, queryRows: Int32Array, k: number): Promise<Int32Array[]> {
    const { name, searchExpansion, connections } = this.options;
    const found = Array.from(queryRows, (): number[] => []);
    const expansion = String(Math.min(MOST_EXPANSION, Math.max(k, searchExpansion)));
    const requests = this.servers.flatMap((server, place) =>
      beginsOf(queryRows.length, REQUEST_QUERIES).map((begin) => ({ server, begin, table: `${name}_${this.placed(generation, place)}` })),
    );
    await inTurns(requests, connections * this.servers.length, async ({ server, begin, table }) => {
      const asked = queryRows.subarray(begin, begin + REQUEST_QUERIES);
      const texts = Array.from(asked, (row) => literal(values.subarray(row * D, (row + 1) * D)));
      const { rows } = await this.attempt(server, async (client) => {
        await client.query(`SELECT set_config('hnsw.ef_search', $1, false)`, [expansion]);
        return client.query<{ i: string; id: number }>(
          `SELECT q.i, r.id FROM unnest($1::text[]) WITH ORDINALITY AS q(v, i)
             CROSS JOIN LATERAL (SELECT t.id FROM ${table} t ORDER BY t.v <#> q.v::halfvec(${D}) LIMIT ${k}) r`,
          [texts],
        );
      });
      for (const { i, id } of rows) found[begin + Number(i) - 1]!.push(id);
    });
    return found.map((ids) => Int32Array.from(ids));
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(({ pool }) => pool.end()));
  }

  private everywhere<T>(work: (client: pg.ClientBase, place: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.servers.map((server, place) => this.attempt(server, (client) => work(client, place))));
  }

  private transaction(server: Server, work: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    return this.attempt(server, async (client) => {
      await client.query('BEGIN');
      try {
        await work(client);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {}); // the connection may be gone, and with it the transaction
        throw error;
      }
    });
  }

  private attempt<T>(server: Server, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return attempted({ label: server.label, variable: PGVECTOR_VARIABLE, count: ATTEMPTS, isPassing }, async () => {
      let client: pg.PoolClient | undefined;
      try {
        client = await server.pool.connect();
        const value = await work(client);
        client.release();
        return value;
      } catch (error) {
        client?.release(true);
        throw error;
      }
    });
  }
}

/** Whether it may be different in a moment: connections, a server that starts or stops, too many clients. */
function isPassing(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|08...|57P0.|53300|40001|40P01)$/.test(code) || /terminated|timeout/i.test(message);
}

/** A vector as pgvector reads it. */
const literal = (vector: Float32Array): string => `[${Array.from(vector, (value) => value.toPrecision(6)).join(',')}]`;
