import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { startApi } from '../../../bench/support/api.ts';
import { waitFor } from '../../../bench/support/waiting.ts';
import { poolNames, type PoolName } from '../../../domain/tools.ts';
import { demoCorpusFolder } from '../../../infra/dev/corpus/demo-question.ts';
import { startCorpusServer } from '../../../infra/dev/corpus/server.ts';
import type { ModelMind } from '../../../infra/dev/model-server/mind.ts';
import { startModelServer } from '../../../infra/dev/model-server/server.ts';
import { findFreePort } from '../../../infra/dev/ports.ts';
import { toServerEnv } from '../../../infra/dev/stack/part-env.ts';
import { waitForPart } from '../../../infra/dev/stack/part.ts';
import { chooseSandboxDirectory } from '../../../infra/dev/stack/sandbox-directory.ts';
import { startToolServer } from '../../../infra/dev/tool-server/server.ts';
import { ensureBubblewrap } from '../../../infra/dev/toolchain/system-packages.ts';
import { ensureTemporal } from '../../../infra/dev/toolchain/temporal.ts';
import { startTemporalServer } from '../../../infra/dev/toolchain/temporal-server.ts';
import { startBenchPart } from '../../../bench/support/servers.ts';
import { openStorage, type Storage } from '../../../workers/compose/storage.ts';
import type { CampaignContext } from '../support/campaign.ts';
import { openStore, type StoreChoice, type StorePlace } from './store-place.ts';
import { createResident, type Resident } from './resident.ts';
import { campaignProfile, campaignTools, createCampaignMind, type Work } from './workload.ts';

const readyMs = 120_000;
const drainMs = 3_000;
const defaultCallMs = 25;
const stopMs = drainMs + 6_000;

/** What a campaign needs of its arena. */
export interface ArenaOptions {
  readonly store: StoreChoice;
  /** Turns of a run. */
  readonly turns: number;
  /** `mixed` when absent. */
  readonly work?: Work;
  /** How long model and tools take, in milliseconds; 25 when absent. */
  readonly callMs?: number;
  /** Worker processes of each pool; 1 when absent. */
  readonly workersEach?: number;
  /** Stands before the scripted mind, to spoil what it says. */
  readonly spoil?: (mind: ModelMind) => ModelMind;
}

/** A pool's supervisor, and the worker inside. */
export interface ArenaPool {
  readonly pool: PoolName;
  readonly supervisor: Resident;
  /** What its supervisor says of its worker; null while nobody answers. */
  readonly health: () => Promise<Health | null>;
}

const healthSchema = z.looseObject({ ok: z.boolean(), workerPid: z.int().nullable(), inFlight: z.int() });
type Health = z.infer<typeof healthSchema>;

/** Everything that a run needs, each part a process that can be killed; the world outside (model, tools, pages) lives in this process. */
export interface Arena {
  readonly context: CampaignContext;
  readonly apiUrl: string;
  readonly engine: Resident;
  readonly api: Resident;
  readonly pools: readonly ArenaPool[];
  readonly store: StorePlace;
  /** The store itself, past every fault that is put before it. */
  readonly storage: Storage;
  readonly model: Awaited<ReturnType<typeof startModelServer>>;
  readonly tools: Awaited<ReturnType<typeof startToolServer>>;
  /** A text that the environment of every process of this arena holds. */
  readonly mark: string;
  readonly sandboxDirectory: string;
  /** Everything that may be killed, the engine first. */
  readonly residents: readonly Resident[];
}

/** Files that the pools and the API read at their start. JSON is YAML. */
async function writeFiles(context: CampaignContext, toolServerUrl: string) {
  const tools = Object.entries(campaignTools).map(([name, effect]) => ({
    server: 'campaign',
    name,
    description: `The tool ${name} of the campaigns.`,
    inputSchema: { type: 'object' },
    effect,
    url: `${toolServerUrl}/tools/${name}`,
  }));
  const files = { tools: join(context.directory, 'tools.json'), profiles: join(context.directory, 'profiles.json') };
  await writeFile(files.tools, JSON.stringify({ tools }));
  await writeFile(files.profiles, JSON.stringify({ profiles: [campaignProfile()] }));
  return files;
}

async function startEngine(context: CampaignContext): Promise<{ engine: Resident; address: string }> {
  const options = { env: process.env, report: context.report };
  await ensureBubblewrap(options);
  const { path: binary } = await ensureTemporal(options);
  const port = await findFreePort();
  const databaseFile = join(context.directory, 'temporal.sqlite');
  const engine = createResident('temporal', () => startTemporalServer({ binary, databaseFile, port, uiPort: null }));
  await engine.start();
  return { engine, address: `127.0.0.1:${port}` };
}

type Env = Readonly<Record<string, string>>;

async function openPool(context: CampaignContext, pool: PoolName, env: Env): Promise<ArenaPool> {
  const healthPort = await findFreePort();
  const url = `http://127.0.0.1:${healthPort}/healthz`;
  const health = async (): Promise<Health | null> => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return healthSchema.parse(await response.json());
    } catch {
      return null;
    }
  };
  const isReady = async (): Promise<true | null> => ((await health())?.ok === true ? true : null);
  const supervisor = createResident(`supervisor ${pool}`, async () => {
    const ownEnv = { ...env, LONGHAUL_POOLS: pool, LONGHAUL_HEALTH_PORT: String(healthPort) };
    const part = await startBenchPart(
      { ...context, profileDirectory: null },
      { name: pool, args: ['workers/main.ts'], env: ownEnv },
    );
    const patience = { signal: context.signal, limitMs: readyMs, what: `the start of pool ${pool}` };
    await waitForPart(part, waitFor(isReady, patience, 50), readyMs);
    return { pid: part.pid, exited: part.exited, stop: () => part.stop(stopMs) };
  });
  return { pool, supervisor, health };
}

async function openApi(context: CampaignContext, env: Env): Promise<{ api: Resident; apiUrl: string }> {
  const port = await findFreePort();
  const api = createResident('api', () => startApi(context, env, port));
  return { api, apiUrl: `http://127.0.0.1:${port}` };
}

/** Opens an arena and gives it to `use`; whatever happens, nothing of it is left. */
export async function withArena<T>(
  context: CampaignContext,
  options: ArenaOptions,
  use: (arena: Arena) => Promise<T>,
): Promise<T> {
  await using ends = new AsyncDisposableStack();
  const corpus = await startCorpusServer({ pagesFile: join(demoCorpusFolder, 'pages.jsonl') });
  ends.defer(() => corpus.close());
  const { turns, work = 'mixed', callMs = defaultCallMs } = options;
  const scripted = createCampaignMind({ turns, work, callMs, corpusHost: corpus.host });
  const model = await startModelServer({ mode: options.spoil?.(scripted) ?? scripted });
  ends.defer(() => model.close());
  const tools = await startToolServer({});
  ends.defer(() => tools.close());
  const store = await openStore(context, options.store);
  ends.defer(() => store.close());
  const { engine, address } = await startEngine(context);
  ends.defer(() => engine.stop());
  const files = await writeFiles(context, tools.url);
  const sandboxDirectory = await chooseSandboxDirectory(join(context.directory, 'sandbox-home'));
  await mkdir(sandboxDirectory, { recursive: true });
  const mark = `campaign-${process.pid}-`;
  const env: Env = {
    ...toServerEnv(process.env),
    ...store.env,
    TEMPORAL_ADDRESS: address,
    LONGHAUL_QUEUE_PREFIX: mark,
    LONGHAUL_DRAIN_MS: String(drainMs),
    LONGHAUL_MODEL: 'longhaul-scripted',
    LONGHAUL_STAND_IN: '1',
    LONGHAUL_TOOLS_FILE: files.tools,
    LONGHAUL_PROFILES_FILE: files.profiles,
    OPENAI_BASE_URL: model.url,
    LONGHAUL_CORPUS: demoCorpusFolder,
    LONGHAUL_CORPUS_HOST: corpus.host,
    LONGHAUL_FETCH_ALLOW: corpus.host,
    LONGHAUL_SANDBOX_DIR: sandboxDirectory,
  };
  const names = Array.from({ length: options.workersEach ?? 1 }, () => poolNames).flat();
  const pools = await Promise.all(names.map((pool) => openPool(context, pool, env)));
  const { api, apiUrl } = await openApi(context, env);
  const hands = [...pools.map(({ supervisor }) => supervisor), api];
  // A worker that drains still hands its steps back to the engine and to the store.
  ends.defer(async () => {
    await Promise.all(hands.map((hand) => hand.stop()));
  });
  await Promise.all(hands.map((hand) => hand.start()));
  const storage = await openStorage(store.direct);
  const residents = [engine, ...(store.server === null ? [] : [store.server]), ...hands];
  const places = { apiUrl, engine, api, pools, store, storage, model, tools, mark, sandboxDirectory, residents };
  // Awaited here: the arena stands until it is done.
  return await use({ context, ...places });
}
