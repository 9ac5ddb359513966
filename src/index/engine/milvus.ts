/**
 * Milvus as the engine: one address, behind which a cluster of any size spreads and replicates. A generation is a collection. It has no transactions: a load
 * that was interrupted counts what has arrived, and upserts the parts that are not whole, so that no row is there twice; then the count must be right. It is
 * served, and known to be finished, by the alias NAME, which is moved at once from the generation before. The address, and how it is logged in to, is told by
 * SIMANS_MILVUS alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Sdk from '@zilliz/milvus2-sdk-node';
import { messageOf, UserError } from '../../core/errors.js';
import type { Phase } from '../../core/reporter.js';
import type { VectorRows } from '../storedVectors.js';
import type { Vectors } from '../vectors.js';
import type { EngineOptions, VectorEngine } from './index.js';
import { type Attempts, attempted, beginsOf, countingRows, inTurns, PART_ROWS, REQUEST_QUERIES } from './requests.js';

export const MILVUS_VARIABLE = 'SIMANS_MILVUS';
export const MILVUS_PACKAGE = '@zilliz/milvus2-sdk-node';
export const MILVUS_INSTALL = `npm i ${MILVUS_PACKAGE}@2.6.11`;
/** In mid-load a server that starts again is waited for, up to 51 s; at the beginning, where the address may be wrong, for 3. */
const ATTEMPTS = 9;
const FIRST_ATTEMPTS = 5;
/** Milliseconds for an answer: of the load of a collection, or of a search of what has no graph yet. */
const PATIENCE = 120_000;
/** What Milvus allows. */
const MOST_EXPANSION = 32_768;
/** Milliseconds after which graphs that do not grow are given up. */
const STUCK = 600_000;

/** Opens what SIMANS_MILVUS names. Throws a UserError where that is no address or it does not answer. */
export async function openMilvus(options: EngineOptions): Promise<VectorEngine> {
  const address = addressOf(process.env[MILVUS_VARIABLE]!.trim());
  const library = await loadLibrary();
  const attempts: Attempts = { label: address.host, variable: MILVUS_VARIABLE, count: ATTEMPTS, isPassing };
  const client = await attempted({ ...attempts, count: FIRST_ATTEMPTS }, async () => {
    const opened = new library.MilvusClient({
      address: address.host,
      ssl: address.protocol === 'https:',
      ...loginOf(address),
      database: address.pathname.slice(1) || 'default',
      timeout: PATIENCE,
      maxRetries: 0, // ours name the server
      logLevel: 'silent',
    });
    try {
      await opened.connectPromise;
      required(await opened.getVersion());
      return opened;
    } catch (error) {
      await opened.closeConnection();
      throw error;
    }
  });
  return new Milvus(library, client, attempts, options);
}

function addressOf(text: string): URL {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol) || !parsed.host)
    throw new UserError(
      `${MILVUS_VARIABLE}: found no address; expected http://user:password@host:19530/database, https where the server speaks TLS; user:password may be an API key, or be left out, as may the database`,
    );
  return parsed;
}

/** A name without a password is an API key. */
function loginOf({ username, password }: URL): { username?: string; password?: string; token?: string } {
  const [name, secret] = [decodeURIComponent(username), decodeURIComponent(password)];
  if (secret) return { username: name, password: secret };
  return name ? { token: name } : {};
}

async function loadLibrary(): Promise<typeof Sdk> {
  try {
    return await import('@zilliz/milvus2-sdk-node');
  } catch (error) {
    throw new UserError(
      `Milvus is asked for, but ${MILVUS_PACKAGE} cannot be loaded (${messageOf(error)}); install it with: ${MILVUS_INSTALL}`,
    );
  }
}

class Milvus implements VectorEngine {
  constructor(
    private readonly library: typeof Sdk,
    private readonly client: Sdk.MilvusClient,
    private readonly attempts: Attempts,
    private readonly options: EngineOptions,
  ) {}

  async holds(generation: string): Promise<boolean> {
    return (await this.aliasesOf(generation))?.includes(this.options.name) ?? false;
  }

  async load(vectors: VectorRows, generation: string, phase: Phase): Promise<boolean> {
    const aliases = await this.aliasesOf(generation);
    if (aliases?.includes(this.options.name)) {
      phase.update(vectors.size);
      return true;
    }
    await this.create(generation, vectors.width);
    const onRows = countingRows(phase);
    const begun = aliases !== undefined;
    const parts = beginsOf(vectors.size, PART_ROWS);
    const missing = begun ? await this.missingParts(generation, parts, vectors.size, onRows) : parts;
    await inTurns(missing, this.options.connections, async (begin) => {
      const count = Math.min(PART_ROWS, vectors.size - begin);
      const rows = Array.from({ length: count }, (_, i) => ({ id: begin + i, v: Array.from(vectors.row(begin + i)) }));
      await this.call((client, attempt) => {
        // An attempt whose answer was lost may have arrived.
        const given = { collection_name: this.collection(generation), data: rows };
        return begun || attempt > 1 ? client.upsert(given) : client.insert(given);
      });
      onRows(rows.length);
    });
    await this.finish(generation, vectors.size);
    await this.serve(generation);
    return false;
  }

  async search(generation: string, { values, width: D }: Vectors, queryRows: Int32Array, k: number): Promise<Int32Array[]> {
    const { searchExpansion, connections } = this.options;
    const found: Int32Array[] = [];
    await inTurns(beginsOf(queryRows.length, REQUEST_QUERIES), connections, async (begin) => {
      const asked = queryRows.subarray(begin, begin + REQUEST_QUERIES);
      const data = Array.from(asked, (row) => Array.from(values.subarray(row * D, (row + 1) * D)));
      const { results } = await this.call((client) =>
        client.search({
          collection_name: this.collection(generation),
          anns_field: 'v',
          data,
          limit: k,
          metric_type: 'IP',
          params: { ef: Math.min(MOST_EXPANSION, Math.max(k, searchExpansion)) },
          output_fields: ['id'],
          consistency_level: this.library.ConsistencyLevelEnum.Strong,
        }),
      );
      // The library hands over the hits of a single query as they are, not in a list of one.
      const lists = (asked.length === 1 ? [results] : results) as unknown as { id: string }[][];
      lists.forEach((hits, i) => {
        found[begin + i] = Int32Array.from(hits, ({ id }) => Number(id));
      });
    });
    return found;
  }

  async close(): Promise<void> {
    await this.client.closeConnection();
  }

  private readonly collection = (generation: string): string => `${this.options.name}_${generation}`;

  /** Of the generation's collection; undefined where there is none. */
  private async aliasesOf(generation: string): Promise<readonly string[] | undefined> {
    const collection_name = this.collection(generation);
    const { value } = await this.call((client) => client.hasCollection({ collection_name }));
    if (!value) return undefined;
    return (await this.call((client) => client.describeCollection({ collection_name }))).aliases;
  }

  /** Makes what is not there yet of the collection, its graph and its place in the servers' memory. */
  private async create(generation: string, width: number): Promise<void> {
    const { connectivity, addExpansion } = this.options;
    const { DataType } = this.library;
    const collection_name = this.collection(generation);
    await this.call((client) =>
      client.createCollection({
        collection_name,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true, autoID: false },
          { name: 'v', data_type: DataType.FloatVector, dim: width },
        ],
      }),
    );
    const params = { M: connectivity, efConstruction: Math.max(addExpansion, 2 * connectivity) };
    await this.call((client) => client.createIndex({ collection_name, field_name: 'v', index_type: 'HNSW', metric_type: 'IP', params }));
    await this.call((client) => client.loadCollection({ collection_name }));
  }

  /** Of neighbouring parts, given by their begins, those that have not arrived whole: halved until they are found; `onRows` hears of the others. */
  private async missingParts(generation: string, parts: number[], size: number, onRows: (rows: number) => void): Promise<number[]> {
    const [from, to] = [parts[0]!, Math.min(size, parts.at(-1)! + PART_ROWS)];
    const arrived = await this.countRows(generation, `id >= ${from} and id < ${to}`);
    if (arrived === to - from) {
      onRows(arrived);
      return [];
    }
    if (arrived === 0 || parts.length === 1) return parts;
    const middle = Math.floor(parts.length / 2);
    const [first, second] = [parts.slice(0, middle), parts.slice(middle)];
    return [...(await this.missingParts(generation, first, size, onRows)), ...(await this.missingParts(generation, second, size, onRows))];
  }

  private async countRows(generation: string, filter: string): Promise<number> {
    const { data } = await this.call((client) =>
      client.query({
        collection_name: this.collection(generation),
        filter,
        output_fields: ['count(*)'],
        consistency_level: this.library.ConsistencyLevelEnum.Strong,
      }),
    );
    return Number(data[0]!['count(*)']);
  }

  /** Waits until all rows are stored and in graphs. Throws a UserError where there are more or fewer than were given. */
  private async finish(generation: string, size: number): Promise<void> {
    const collection_name = this.collection(generation);
    await this.call((client) => client.flushSync({ collection_names: [collection_name] }));
    const arrived = await this.countRows(generation, 'id >= 0');
    if (arrived !== size)
      throw new UserError(
        `${this.attempts.label}: collection ${collection_name}: found ${arrived} rows; expected ${size}; drop the collection and run the same command again`,
      );
    let least = Number.POSITIVE_INFINITY;
    for (let since = Date.now(); ; await sleep(500)) {
      const { index_descriptions } = await this.call((client) => client.describeIndex({ collection_name }));
      const pending = Number(index_descriptions[0]!.pending_index_rows);
      if (pending === 0) return;
      if (pending < least) [least, since] = [pending, Date.now()];
      if (Date.now() - since > STUCK)
        throw new UserError(
          `${this.attempts.label}: collection ${collection_name}: ${pending} rows have had no graph for ${STUCK / 60_000} minutes; look at the server's log; what was loaded is kept, run the same command again`,
        );
    }
  }

  /** Moves the alias, which is there or not, and drops the other generations. */
  private async serve(generation: string): Promise<void> {
    const { name } = this.options;
    const [alias, collection_name] = [name, this.collection(generation)];
    const { data } = await this.call((client) => client.showCollections({}));
    const others = data.map((collection) => collection.name).filter((one) => one !== collection_name && generationOf(name).test(one));
    const served = await Promise.all(others.map((one) => this.call((client) => client.describeCollection({ collection_name: one }))));
    if (served.some(({ aliases }) => aliases.includes(alias))) await this.call((client) => client.alterAlias({ collection_name, alias }));
    else if (!(await this.holds(generation))) await this.call((client) => client.createAlias({ collection_name, alias }));
    for (const one of others) await this.call((client) => client.dropCollection({ collection_name: one }));
  }

  private call<T extends object>(work: (client: Sdk.MilvusClient, attempt: number) => Promise<T>): Promise<T> {
    return attempted(this.attempts, async (attempt) => required(await work(this.client, attempt)));
  }
}

const generationOf = (name: string): RegExp => new RegExp(`^${name}_[0-9a-f]{16}$`);

/** What the server says went wrong, which the library hands over as an answer. */
class MilvusError extends Error {
  constructor(readonly status: Sdk.ResStatus) {
    super(status.reason || status.detail || String(status.error_code));
  }
}

function required<T extends object>(answer: T): T {
  const status = ('status' in answer ? answer.status : answer) as Sdk.ResStatus;
  if (status.error_code !== 'Success' && status.error_code !== 0) throw new MilvusError(status);
  return answer;
}

/** Whether it may be different in a moment: gRPC's DEADLINE_EXCEEDED and UNAVAILABLE; a cluster of which a part starts or has stopped. */
function isPassing(error: unknown): boolean {
  if (error instanceof MilvusError)
    return error.status.retriable || /not (ready|healthy|loaded|available)|unavailable|recovering/i.test(error.message);
  return [4, 14].includes((error as { code?: number }).code ?? -1);
}
