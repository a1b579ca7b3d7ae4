import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext } from '../support/bench-context.ts';
import { type Execution, readChain } from '../support/histories.ts';
import { startModel, startTemporal } from '../support/servers.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { runWorkload, warmUp } from '../support/workload.ts';
import { digestTexts } from './recorded-texts.ts';
import { measureStored, measureWal, type StoredBytes, subtractStored } from './stored-bytes.ts';

/** What one run of the workload left behind. */
export interface StorageRun {
  readonly turns: number;
  /** What it added on disk. */
  readonly stored: StoredBytes;
  /** The write-ahead log just before the server ended. */
  readonly walBytes: number;
  /** All recorded texts, joined in order. */
  readonly texts: { readonly bytes: number; readonly sha256: string };
  readonly chain: readonly Execution[];
}

/** Where a run's server and store are. */
interface Ground {
  readonly databaseFile: string;
  readonly storeDirectory: string;
  readonly toolsFile: string;
}

/** Starts server, model and pools, uses them, and ends them all. */
async function withStage<T>(
  context: BenchContext,
  ground: Ground & { readonly turns: number },
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  await using ends = new AsyncDisposableStack();
  const server = await startTemporal(context, ground.databaseFile);
  ends.defer(() => server.stop());
  const model = await startModel(context, `model-${ground.turns}`, { generate: 'w600', turns: ground.turns });
  ends.defer(() => model.stop());
  const stage = await openStage(context, {
    temporalAddress: server.address,
    store: `file:${ground.storeDirectory}`,
    queuePrefix: '',
    modelUrl: model.url,
    toolsFile: ground.toolsFile,
    corpus: null,
    sandboxDirectory: null,
  });
  ends.defer(() => stage.close());
  return await use(stage);
}

/** One run on a fresh database that a short run has warmed up; counted between two stops of the server. */
export async function measureStorageRun(
  context: BenchContext,
  { turns, toolsFile }: { readonly turns: number; readonly toolsFile: string },
): Promise<StorageRun> {
  const directory = join(context.directory, `storage-${turns}`);
  await mkdir(directory, { recursive: true });
  const ground = {
    databaseFile: join(directory, 'temporal.sqlite'),
    storeDirectory: join(directory, 'store'),
    toolsFile,
    turns,
  };
  const { signal } = context;
  await withStage(context, ground, (stage) => warmUp(stage, signal));
  const before = await measureStored(ground.databaseFile, ground.storeDirectory);
  const left = await withStage(context, ground, async (stage) => {
    const run = await runWorkload(stage, { signal, turns });
    const chain = await readChain(stage.runs.client, run);
    const texts = await digestTexts(stage.runs.storage.trajectory, run, turns);
    return { chain, texts, walBytes: await measureWal(ground.databaseFile) };
  });
  const after = await measureStored(ground.databaseFile, ground.storeDirectory);
  return { turns, ...left, stored: subtractStored(after, before) };
}
