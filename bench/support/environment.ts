import { cpus } from 'node:os';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { ensureTemporal } from '../../infra/dev/toolchain/temporal.ts';

const packageSchema = z.object({ version: z.string() });

/** What a figure was measured on; printed with every result. */
export interface BenchEnvironment {
  readonly node: string;
  readonly temporalServer: string;
  readonly temporalSdk: string;
  readonly cores: number;
  readonly cpu: string;
  readonly database: string;
  readonly objectStore: string;
}

/** The machine alone, for benches that simulate. */
export async function describeMachine(): Promise<Pick<BenchEnvironment, 'node' | 'cores' | 'cpu'>> {
  return { node: process.versions.node, cores: cpus().length, cpu: cpus()[0]?.model ?? 'unknown' };
}

/** The versions and settings of this machine. */
export async function describeEnvironment(): Promise<BenchEnvironment> {
  const load = createRequire(import.meta.url);
  const tool = await ensureTemporal({ env: process.env, report: () => {} });
  return {
    ...(await describeMachine()),
    temporalServer: tool.version,
    temporalSdk: packageSchema.parse(load('@temporalio/worker/package.json')).version,
    database: 'SQLite file, WAL, synchronous=FULL',
    objectStore: 'local directory, fsync on every put',
  };
}
