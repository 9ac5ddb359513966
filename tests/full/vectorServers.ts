/** Real servers of the vector engines, of programs that the environment names: scripts/vector-servers.sh installs them. */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { EngineServer } from '../index/engineContract.js';

export interface RealServer {
  readonly name: string;
  /** Of the environment: what the programs are, and where the adapter finds the server. */
  readonly programs: string;
  readonly variable: string;
  address(port: number): string;
  /** Makes what a server needs once. */
  prepare(program: string, folder: string): void;
  start(program: string, folder: string, port: number): void;
  /** As a crash. */
  kill(program: string, folder: string): void;
  /** Sees past the adapter. */
  look(address: string): Omit<EngineServer, 'open'>;
}

/** PostgreSQL refuses to run as root. */
const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
const postgresProgram = (bin: string, folder: string, name: string, ...argv: string[]) =>
  execFileSync(path.join(bin, name), argv, { ...asNobody, env: { ...process.env, HOME: folder, LC_ALL: 'C' }, stdio: 'ignore' });
const dataOf = (folder: string) => path.join(folder, 'data');

export const POSTGRES: RealServer = {
  name: 'PostgreSQL with pgvector',
  programs: 'SIMANS_PG_BIN',
  variable: 'SIMANS_PGVECTOR',
  address: (port) => `postgresql://postgres@127.0.0.1:${port}/postgres`,
  prepare: (bin, folder) => {
    fs.chmodSync(folder, 0o777);
    postgresProgram(bin, folder, 'initdb', '-D', dataOf(folder), '-U', 'postgres', '-A', 'trust');
  },
  start: (bin, folder, port) => {
    const options = `-p ${port} -k ${folder}`;
    postgresProgram(bin, folder, 'pg_ctl', '-D', dataOf(folder), '-w', '-l', path.join(folder, 'log'), '-o', options, 'start');
  },
  kill: (bin, folder) => {
    postgresProgram(bin, folder, 'pg_ctl', '-D', dataOf(folder), '-m', 'immediate', 'stop');
  },
  look: (address) => {
    const ask = async <T extends object>(text: string): Promise<T[]> => {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: address });
      await client.connect();
      try {
        return (await client.query<T>(text)).rows;
      } finally {
        await client.end();
      }
    };
    return {
      servedRows: async () => Number((await ask<{ n: string }>('SELECT count(*) AS n FROM toy'))[0]!.n),
      generations: async () =>
        (await ask<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE tablename ~ '^toy_[0-9a-f]{16}$'")).map(
          ({ name }) => name,
        ),
    };
  },
};

/** Ports of Milvus that nobody calls from without: one behind the other, from `port` on. */
const INNER_PORTS = [
  'proxy-internal',
  'root-coord',
  'query-coord',
  'query-node',
  'index-coord',
  'index-node',
  'data-coord',
  'data-node',
  'etcd',
];
const pidFile = (folder: string) => path.join(folder, 'pid');

export const MILVUS: RealServer = {
  name: 'Milvus',
  programs: 'SIMANS_MILVUS_SERVER',
  variable: 'SIMANS_MILVUS',
  address: (port) => `http://127.0.0.1:${port}`,
  prepare: () => {},
  start: (program, folder, port) => {
    const ports = ['proxy', ...INNER_PORTS].flatMap((part, i) => [`--${part}-port`, String(port + i)]);
    const log = fs.openSync(path.join(folder, 'log'), 'a');
    // The program starts another one: a group of their own dies together.
    const child = spawn(program, ['--data', dataOf(folder), ...ports], { detached: true, stdio: ['ignore', log, log] });
    fs.writeFileSync(pidFile(folder), String(child.pid));
    child.unref();
  },
  kill: (_program, folder) => {
    process.kill(-Number(fs.readFileSync(pidFile(folder), 'utf8')), 'SIGKILL');
  },
  look: (address) => {
    const ask = async <T>(work: (client: import('@zilliz/milvus2-sdk-node').MilvusClient) => Promise<T>): Promise<T> => {
      const { MilvusClient } = await import('@zilliz/milvus2-sdk-node');
      const client = new MilvusClient({ address });
      try {
        return await work(client);
      } finally {
        await client.closeConnection();
      }
    };
    const counted = { collection_name: 'toy', filter: 'id >= 0', output_fields: ['count(*)'] };
    return {
      servedRows: async () => Number((await ask((client) => client.query(counted))).data[0]!['count(*)']),
      generations: async () =>
        (await ask((client) => client.showCollections({}))).data.map(({ name }) => name).filter((name) => /^toy_/.test(name)),
    };
  },
};
