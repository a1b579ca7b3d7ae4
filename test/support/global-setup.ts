import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startTemporalServer } from '../../infra/dev/toolchain/temporal-server.ts';
import { ensureTemporal } from '../../infra/dev/toolchain/temporal.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the test run's own Temporal server. */
    temporalAddress: string;
    temporalBinary: string;
  }
}

/** One real Temporal server for all integration files of a test run, on a free port. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  const tool = await ensureTemporal({ env: process.env, report: (line) => process.stderr.write(`${line}\n`) });
  const databaseFile = join(directory, 'temporal.db');
  const server = await startTemporalServer({ binary: tool.path, databaseFile, uiPort: null });
  project.provide('temporalAddress', server.address);
  project.provide('temporalBinary', tool.path);
  return async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
