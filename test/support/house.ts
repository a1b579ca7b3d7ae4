import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { ulid } from 'ulid';
import { stringify } from 'yaml';
import { buildManifest } from '../../domain/build-manifest.ts';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import type { Profile } from '../../domain/profile.ts';
import { type PoolName, poolNames } from '../../domain/tools.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import { demoCorpusFolder } from '../../infra/dev/corpus/demo-question.ts';
import { startCorpusServer } from '../../infra/dev/corpus/server.ts';
import { createScriptedMind } from '../../infra/dev/model-server/scripted.ts';
import { startModelServer } from '../../infra/dev/model-server/server.ts';
import { startToolServer } from '../../infra/dev/tool-server/server.ts';
import { loadCatalog } from '../../workers/compose/catalog.ts';
import { loadApiConfig } from '../../workers/compose/config.ts';
import { openStorage, type Storage } from '../../workers/compose/storage.ts';
import { connectClient, loadTemporalConfig } from '../../workers/compose/temporal.ts';
import { researchRunType } from '../../workflows/contract.ts';
import { type PoolProcess, startPool } from './processes.ts';

type Scenario = Parameters<typeof createScriptedMind>[0];

/** The servers around the pools: model (scripted), corpus, tools; all real HTTP on loopback. */
export type Surroundings = Awaited<ReturnType<typeof openSurroundings>>;

/** Starts model, corpus and tool servers; several houses may share them. */
export async function openSurroundings(scenario: Scenario, options: { readonly logBodies?: boolean } = {}) {
  const model = await startModelServer({ mode: createScriptedMind(scenario), logBodies: options.logBodies ?? false });
  const corpus = await startCorpusServer({ pagesFile: join(demoCorpusFolder, 'pages.jsonl') });
  const tools = await startToolServer({});
  return {
    model,
    corpus,
    tools,
    close: async () => {
      await Promise.all([model.close(), corpus.close(), tools.close()]);
    },
  };
}

/** Tools on the tools pool that tests and scenarios call; `server: test`. */
function toolsFile(toolServerUrl: string): string {
  const tool = (name: string, effect: string) => ({
    server: 'test',
    name,
    description: `The test tool ${name}.`,
    inputSchema: { type: 'object' },
    effect,
    url: `${toolServerUrl}/tools/${name}`,
  });
  return stringify({
    tools: [
      ...['echo', 'slow', 'fail', 'bench'].map((name) => tool(name, 'read')),
      tool('keyed', 'keyed'),
      tool('unkeyed', 'unkeyed'),
    ],
  });
}

export interface HouseOptions {
  readonly temporalAddress: string;
  readonly surroundings: Surroundings;
  /** `file:` and `s3:` locations with what they need; a fresh directory when absent. */
  readonly storeEnv?: NodeJS.ProcessEnv;
  /** Pools that share a process; each by itself when absent. */
  readonly processes?: readonly (readonly PoolName[])[];
  readonly env?: NodeJS.ProcessEnv;
}

/** All pools as processes over a store of their own, on queues of their own. */
export interface House {
  readonly client: Client;
  readonly storage: Storage;
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly queuePrefix: string;
  readonly processOf: (pool: PoolName) => PoolProcess;
  /** Puts a manifest and starts its run. */
  readonly submit: (question: string, change?: (profile: Profile) => Profile) => Promise<Submitted>;
  readonly close: () => Promise<void>;
}

export interface Submitted {
  readonly run: RunRef;
  readonly handle: WorkflowHandle;
  /** Waits for the engine's end of the run and gives the archived outcome. */
  readonly outcome: () => Promise<RunOutcome>;
}

const testTools = ['echo', 'slow', 'fail', 'bench', 'keyed', 'unkeyed'];

/** Opens a house; `close` ends its runs and processes and removes its folder. */
export async function openHouse(options: HouseOptions): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-house-'));
  const queuePrefix = `t${ulid().slice(-8).toLowerCase()}-`;
  const { model, corpus, tools } = options.surroundings;
  const toolsPath = join(directory, 'tools.yaml');
  await writeFile(toolsPath, toolsFile(tools.url));
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    TEMPORAL_ADDRESS: options.temporalAddress,
    LONGHAUL_STORE: `file:${join(directory, 'store')}`,
    LONGHAUL_QUEUE_PREFIX: queuePrefix,
    LONGHAUL_DRAIN_MS: '3000',
    LONGHAUL_TOOLS_FILE: toolsPath,
    OPENAI_BASE_URL: model.url,
    LONGHAUL_CORPUS: demoCorpusFolder,
    LONGHAUL_CORPUS_HOST: corpus.host,
    LONGHAUL_FETCH_ALLOW: corpus.host,
    LONGHAUL_SANDBOX_DIR: join(tmpdir(), `longhaul-sandbox-${queuePrefix}`),
    ...options.storeEnv,
    ...options.env,
  };
  for (const [name, value] of Object.entries(options.storeEnv ?? {})) process.env[name] = value;
  const config = loadApiConfig({ ...env, LONGHAUL_MODEL: 'longhaul-scripted' });
  const storage = await openStorage(config.store);
  const client = connectClient(loadTemporalConfig(env));
  const groups = options.processes ?? poolNames.map((name) => [name]);
  const processes = await Promise.all(groups.map((pools) => startPool(pools, env)));
  const catalog = loadCatalog(config);

  const submit: House['submit'] = async (question, change = (profile) => profile) => {
    const base = catalog.profiles.get('mirothinker-v1.0');
    if (base === undefined) throw new Error('the built-in profile is missing');
    const profile = change({ ...base, tools: [...base.tools, ...testTools] });
    const run = { tenant: 'default', runId: ulid() };
    const about = { question, profile, tools: catalog.tools, timeZone: 'UTC', standIn: true, metadata: {} };
    const manifest = buildManifest({ ...run, ...about, now: new Date() });
    const manifestDigest = await storage.trajectory.putManifest(manifest);
    const handle = await client.workflow.start(researchRunType, {
      workflowId: toWorkflowId(run),
      taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
      args: [{ ...run, manifestDigest, queuePrefix, carry: null }],
      workflowTaskTimeout: '5s',
    });
    return { run, handle, outcome: () => readOutcome(storage, run, handle) };
  };

  return {
    client,
    storage,
    env,
    directory,
    queuePrefix,
    submit,
    processOf: (pool) => {
      const found = processes.find((candidate) => candidate.pools.includes(pool));
      if (found === undefined) throw new Error(`no process serves ${pool}`);
      return found;
    },
    close: async () => {
      await endWorkflows(client, queuePrefix);
      await Promise.all(processes.map((pool) => pool.stop()));
      await client.connection.close();
      await rm(directory, { recursive: true, force: true });
      await rm(env['LONGHAUL_SANDBOX_DIR'] ?? directory, { recursive: true, force: true });
    },
  };
}

/** Ends every workflow of this house: runs, their forks, and the archiving of those that had just ended. */
async function endWorkflows(client: Client, queuePrefix: string): Promise<void> {
  const query = `TaskQueue = '${toTaskQueue(queuePrefix, 'orchestrator')}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    await client.workflow
      .getHandle(workflowId, runId)
      .terminate('the test ended')
      .catch(() => {});
  }
}

async function readOutcome(storage: Storage, run: RunRef, handle: WorkflowHandle): Promise<RunOutcome> {
  // The engine's own verdict may be a failure or a cancellation; what happened stands in the archive.
  await handle.result().catch(() => {});
  const outcome = await storage.trajectory.readOutcome(run);
  if (outcome === null) throw new Error(`run ${run.runId} ended without an outcome`);
  return outcome;
}
