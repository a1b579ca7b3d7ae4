import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { removeDevState, writeDevState } from '../../../cli/dev-state.ts';
import { AppError } from '../../../domain/errors.ts';
import { type PoolName, poolNames } from '../../../domain/tools.ts';
import { demoCorpusFolder } from '../corpus/demo-question.ts';
import { findFreePort, requirePort } from '../ports.ts';
import { ensureBubblewrap } from '../toolchain/system-packages.ts';
import { ensureTemporal } from '../toolchain/temporal.ts';
import { startTemporalServer, type TemporalServer } from '../toolchain/temporal-server.ts';
import type { Report } from './log-lines.ts';
import { type Part, startPart, waitForPart } from './part.ts';
import { type PartPlaces, type StackFacts, toApiEnv, toPoolEnv, toServerEnv, toTemporalEnv } from './part-env.ts';
import { type PartGuard, startPartGuard } from './part-guard.ts';
import { chooseSandboxDirectory } from './sandbox-directory.ts';
import { loadStackEnv, type StackEnv, usesRealModel } from './stack-config.ts';

/** How a stack is started. */
export interface StackOptions {
  /** The environment of the person who starts it; each part gets only what it needs of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Database, store, sandboxes, logs. */
  readonly dataDirectory: string;
  /** `fixed`: those of the configuration, each of which must be free. `free`: any. */
  readonly ports: 'fixed' | 'free';
  /** Start Temporal's Web UI? Only with our own server. */
  readonly ui: boolean;
  /** Folder with `pages.jsonl` to search and read offline. Absent: the built-in one, or Serper with its key and a real model. */
  readonly corpus?: string;
  /** Search the built-in corpus even where Serper's key is there. */
  readonly builtInCorpus?: boolean;
  /** How long the stand-in takes for a reply. Absent: no time at all. */
  readonly standInDelayMs?: number;
  /** Gives up starting; whatever is there already is ended. A running stack is ended with `stop`. */
  readonly signal?: AbortSignal;
  /** Takes the parts' log lines, prefixed. */
  readonly log: Report;
  /** Takes what is being done, for a person who waits. */
  readonly report: Report;
}

/** A process of a running stack, for the table that a person sees. */
export interface StackPart {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
}

/** A running stack. */
export interface Stack {
  readonly dataDirectory: string;
  readonly standIn: boolean;
  readonly store: string;
  readonly urls: {
    readonly api: string;
    /** `host:port`. */
    readonly temporal: string;
    readonly temporalUi: string | null;
    /** Base URL of the model server, ending in `/v1`. */
    readonly model: string;
    readonly modelLog: string | null;
    readonly corpus: string | null;
    readonly corpusLog: string | null;
  };
  /** Variables with which a client reaches the engine. */
  readonly temporalEnv: Readonly<Record<string, string>>;
  /** Addresses of this machine that the page reader may fetch. */
  readonly fetchAllow: readonly string[];
  readonly parts: readonly StackPart[];
  /** Process that polls and works for a pool; killing it is killing the worker. Null while there is none. */
  readonly workerPid: (pool: PoolName) => Promise<number | null>;
  /** Settles when a part ended that nobody asked to end. */
  readonly broken: Promise<string>;
  /** Ends all parts in order: API, pools, model, corpus, Temporal. *Contract:* idempotent; nothing is left when it is done. */
  readonly stop: () => Promise<void>;
  /** SIGKILL to all parts, at once. */
  readonly kill: () => void;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const READY_MS = 90_000;
/** Beyond the drain: for what ends after it, such as a last put. */
const STOP_GRACE_MS = 5_000;
/** The corpus is served here when the port is free, so that addresses of pages are the same from run to run. */
const corpusPort = 8711;

const listeningSchema = z.looseObject({ listening: z.string() });
const corpusListeningSchema = z.looseObject({ listening: z.string(), log: z.string() });
const healthSchema = z.looseObject({ workerPid: z.int().nullable() });

/**
 * Starts everything that a run needs on this machine, each part as its own process, and waits until all are ready.
 *
 * *Contract:* nothing is left running when it throws, or when this process dies, however it dies.
 * @throws AppError `Config.Invalid` for a wrong environment, a port in use or a missing tool; `Engine.Unavailable` with the end
 * of the log of a part that does not get ready.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const env = loadStackEnv(options.env);
  const build = new StackBuild(options, env, startPartGuard());
  try {
    return await Promise.race([build.run(), toAborted(options.signal)]);
  } catch (error) {
    await build.stop();
    throw error;
  }
}

/** @throws AppError `Run.Cancelled` when the signal aborts */
function toAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(new AppError('Run.Cancelled', { what: 'the start of the stack was given up' }));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

interface CorpusPlace {
  readonly folder: string;
  readonly host: string;
  readonly log: string;
}

interface Pool {
  readonly name: PoolName;
  readonly part: Part;
  readonly url: string;
}

class StackBuild {
  readonly #options: StackOptions;
  readonly #env: StackEnv;
  readonly #guard: PartGuard;
  readonly #dataDirectory: string;
  #server: TemporalServer | null = null;
  #model: { readonly part: Part; readonly url: string } | null = null;
  #corpus: Part | null = null;
  #pools: Pool[] = [];
  #api: Part | null = null;
  #stopping = false;
  #stopped: Promise<void> | null = null;
  readonly #broken = Promise.withResolvers<string>();

  constructor(options: StackOptions, env: StackEnv, guard: PartGuard) {
    this.#options = options;
    this.#env = env;
    this.#guard = guard;
    this.#dataDirectory = resolve(options.dataDirectory);
  }

  async run(): Promise<Stack> {
    const apiPort = await this.#port(this.#env.LONGHAUL_API_PORT, 'the API', 'LONGHAUL_API_PORT');
    const sandboxDirectory = await chooseSandboxDirectory(this.#dataDirectory);
    const { report, env: host } = this.#options;
    await ensureBubblewrap({ env: { ...host }, report });
    const temporal = await this.#startTemporal();
    const [standInUrl, corpus] = await Promise.all([this.#startModel(), this.#startCorpus()]);
    const places: PartPlaces = {
      temporal,
      store: this.#env.LONGHAUL_STORE ?? `file:${join(this.#dataDirectory, 'store')}`,
      queuePrefix: this.#env.LONGHAUL_QUEUE_PREFIX ?? '',
      standInUrl,
      corpus,
      sandboxDirectory,
    };
    const facts: StackFacts = { host, env: this.#env, places };
    report('starting five pools and the API');
    const [api] = await Promise.all([this.#startApi(facts, apiPort), this.#startPools(facts)]);
    return this.#toStack(places, { api, corpus });
  }

  async #port(wanted: number, name: string, variable: string): Promise<number> {
    if (this.#options.ports === 'free') return findFreePort();
    await requirePort(wanted, { name, variable });
    return wanted;
  }

  async #startTemporal(): Promise<Record<string, string>> {
    const { env, ui, report } = this.#options;
    if (this.#env.TEMPORAL_ADDRESS !== undefined) {
      report(`using the Temporal server of TEMPORAL_ADDRESS`);
      return toTemporalEnv(env, null);
    }
    const port = await this.#port(this.#env.LONGHAUL_TEMPORAL_PORT, 'the Temporal server', 'LONGHAUL_TEMPORAL_PORT');
    const uiPort = ui ? await this.#port(this.#env.LONGHAUL_UI_PORT, "Temporal's Web UI", 'LONGHAUL_UI_PORT') : null;
    const tool = await ensureTemporal({ env: { ...env }, report });
    report(`starting the Temporal server ${tool.version} (${tool.source === 'path' ? tool.path : tool.source})`);
    this.#server = await startTemporalServer({
      binary: tool.path,
      databaseFile: join(this.#dataDirectory, 'temporal.sqlite'),
      port,
      uiPort,
    });
    if (this.#stopping) this.#server.kill();
    void this.#server.exited.then(() => this.#tellBroken('temporal', 'ended'));
    // A profile without settings, so that a person's own temporal.toml with its keys does not mix with our server.
    const profileFile = join(this.#dataDirectory, 'temporal.toml');
    await writeFile(profileFile, '[profile.default]\n');
    return toTemporalEnv(env, { address: this.#server.address, profileFile });
  }

  async #startModel(): Promise<string | null> {
    if (usesRealModel(this.#env)) return null;
    const delayMs = this.#options.standInDelayMs ?? 0;
    const file = join(root, 'infra/dev/model-server/main.ts');
    const args = [file, '--mode', 'stand-in', '--port', '0', '--delay-ms', String(delayMs)];
    const part = await this.#part('stand-in', args, toServerEnv(this.#options.env));
    this.#model = { part, url: '' };
    const { listening: url } = listeningSchema.parse(await waitForPart(part, part.firstLine, READY_MS));
    this.#model = { part, url };
    return url;
  }

  async #startCorpus(): Promise<CorpusPlace | null> {
    const { corpus, builtInCorpus, env } = this.#options;
    const searchesWeb = this.#env.SERPER_API_KEY !== undefined && usesRealModel(this.#env);
    if (corpus === undefined && searchesWeb && builtInCorpus !== true) return null;
    const folder = resolve(corpus ?? demoCorpusFolder);
    const port = await requirePort(corpusPort, 'the corpus').then(
      () => corpusPort,
      () => 0,
    );
    const args = [join(root, 'infra/dev/stack/corpus-process.ts'), folder, String(port)];
    this.#corpus = await this.#part('corpus', args, toServerEnv(env));
    const said = corpusListeningSchema.parse(await waitForPart(this.#corpus, this.#corpus.firstLine, READY_MS));
    return { folder, host: said.listening, log: said.log };
  }

  async #startPools(facts: StackFacts): Promise<void> {
    await Promise.all(
      poolNames.map(async (name) => {
        const healthPort = await findFreePort();
        const env = toPoolEnv(name, { ...facts, healthPort });
        const part = await this.#part(name, [join(root, 'workers/main.ts')], env);
        const url = `http://127.0.0.1:${healthPort}`;
        this.#pools.push({ name, part, url });
        await waitForPart(part, pollHealth(part, url), READY_MS);
      }),
    );
  }

  async #startApi(facts: StackFacts, apiPort: number): Promise<string> {
    this.#api = await this.#part('api', [join(root, 'api/main.ts')], toApiEnv({ ...facts, apiPort }));
    return listeningSchema.parse(await waitForPart(this.#api, this.#api.firstLine, READY_MS)).listening;
  }

  async #part(name: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Part> {
    const part = await startPart({ name, args, env, guard: this.#guard, report: this.#options.log });
    // The start was given up while this part was on its way.
    if (this.#stopping) part.kill();
    void part.exited.then((how) => this.#tellBroken(name, how));
    return part;
  }

  #tellBroken(name: string, how: string): void {
    if (!this.#stopping) this.#broken.resolve(`${name} ${how}`);
  }

  #toStack(places: PartPlaces, { api, corpus }: { api: string; corpus: CorpusPlace | null }): Stack {
    const standIn = places.standInUrl !== null;
    const temporalUi = this.#server?.uiUrl ?? null;
    const stack: Stack = {
      dataDirectory: this.#dataDirectory,
      standIn,
      store: places.store,
      urls: {
        api,
        temporal: places.temporal['TEMPORAL_ADDRESS'] ?? '',
        temporalUi,
        model: places.standInUrl ?? this.#env.OPENAI_BASE_URL ?? '',
        modelLog: places.standInUrl === null ? null : new URL('/log', places.standInUrl).href,
        corpus: corpus === null ? null : `http://${corpus.host}`,
        corpusLog: corpus?.log ?? null,
      },
      temporalEnv: places.temporal,
      fetchAllow: corpus === null ? [] : [corpus.host],
      parts: this.#listParts(api, corpus),
      workerPid: (pool) => this.#workerPid(pool),
      broken: this.#broken.promise,
      stop: () => this.stop(),
      kill: () => this.#kill(),
    };
    writeDevState(this.#dataDirectory, { pid: process.pid, api, temporalUi });
    return stack;
  }

  #listParts(api: string, corpus: CorpusPlace | null): StackPart[] {
    const server = this.#server;
    const standIn = this.#model;
    return [
      ...(server === null ? [] : [{ name: 'temporal', pid: server.pid, url: server.address }]),
      ...(server?.uiUrl == null ? [] : [{ name: 'temporal web ui', pid: server.pid, url: server.uiUrl }]),
      ...(standIn === null ? [] : [{ name: 'stand-in model', pid: standIn.part.pid, url: standIn.url }]),
      ...(corpus === null || this.#corpus === null
        ? []
        : [{ name: 'corpus', pid: this.#corpus.pid, url: `http://${corpus.host}/` }]),
      ...poolNames.flatMap((name) =>
        this.#pools
          .filter((pool) => pool.name === name)
          .map(({ part, url }) => ({ name: `pool ${name}`, pid: part.pid, url: `${url}/healthz` })),
      ),
      ...(this.#api === null ? [] : [{ name: 'api', pid: this.#api.pid, url: api }]),
    ];
  }

  async #workerPid(pool: PoolName): Promise<number | null> {
    const url = this.#pools.find(({ name }) => name === pool)?.url;
    if (url === undefined) return null;
    const response = await fetch(`${url}/healthz`);
    return healthSchema.parse(await response.json()).workerPid;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  /** The engine last: a worker that drains still hands its steps back to it. */
  async #stopAll(): Promise<void> {
    this.#stopping = true;
    await this.#api?.stop(STOP_GRACE_MS);
    const limitMs = this.#env.LONGHAUL_DRAIN_MS + STOP_GRACE_MS;
    await Promise.all(this.#pools.map(({ part }) => part.stop(limitMs)));
    await Promise.all([this.#model?.part.stop(STOP_GRACE_MS), this.#corpus?.stop(STOP_GRACE_MS)]);
    await this.#server?.stop();
    this.#guard.dismiss();
    removeDevState(this.#dataDirectory, process.pid);
  }

  #kill(): void {
    this.#stopping = true;
    for (const part of [this.#api, ...this.#pools.map((pool) => pool.part), this.#model?.part, this.#corpus])
      part?.kill();
    this.#server?.kill();
    removeDevState(this.#dataDirectory, process.pid);
  }
}

/** Resolves when the pool's worker polls; a part that ends ends the waiting. */
async function pollHealth(part: Part, url: string): Promise<void> {
  const state = { ended: false };
  void part.exited.then(() => (state.ended = true));
  while (!state.ended) {
    try {
      const response = await fetch(`${url}/healthz`);
      if (response.ok) return;
    } catch {
      // Nobody listens yet.
    }
    await delay(50);
  }
}
