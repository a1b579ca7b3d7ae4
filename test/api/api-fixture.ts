import { monotonicFactory } from 'ulid';
import { type Api, type ApiOptions, createApi } from '../../api/create-api.ts';
import type { ApiPorts } from '../../api/ports.ts';
import { createBlobStore } from '../../activities/storage/blob-store.ts';
import { createHistoryArchive } from '../../activities/storage/history-archive.ts';
import { createHistoryReader } from '../../activities/storage/history-reader.ts';
import { createTrajectoryStore, type TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import { buildManifest } from '../../domain/build-manifest.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { mirothinkerV1, type Profile } from '../../domain/profile.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import { createFakeEngine, type FakeEngine } from './fake-engine.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from './memory-object-store.ts';

/** An API over fakes, called in process. */
export interface ApiFixture {
  readonly api: Api;
  readonly engine: FakeEngine;
  readonly objects: MemoryObjectStore;
  readonly trajectory: TrajectoryStore;
  readonly log: { readonly level: string; readonly facts: object; readonly message: string }[];
  readonly clock: { nowMs: number };
  readonly ports: ApiPorts;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>;
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;
  /** A second process over the same engine and store. */
  readonly restart: (change?: Partial<ApiPorts>) => ApiFixture;
  /** A run whose manifest stands. */
  readonly aRun: (change?: Partial<RunManifest>) => Promise<RunManifest>;
}

/** An agent with prices, beside the built-in one without. */
export const pricedProfile: Profile = {
  ...mirothinkerV1('a-model'),
  name: 'priced',
  prices: {
    inputMicroUsdPerMillion: 1_000_000,
    cachedMicroUsdPerMillion: 100_000,
    outputMicroUsdPerMillion: 2_000_000,
  },
};

export const nowMs = Date.parse('2026-11-24T10:00:00.000Z');

interface Parts {
  readonly engine: FakeEngine;
  readonly objects: MemoryObjectStore;
  readonly clock: { nowMs: number };
  readonly change: Partial<ApiPorts>;
}

export function createFixture(options: ApiOptions = {}): ApiFixture {
  const engine = createFakeEngine();
  return fixtureOf({ engine, objects: createMemoryObjectStore(), clock: { nowMs }, change: {} }, options);
}

function fixtureOf(parts: Parts, options: ApiOptions): ApiFixture {
  const { engine, objects, clock, change } = parts;
  const blobs = createBlobStore(objects);
  const trajectory = createTrajectoryStore({ objects, blobs });
  const log: ApiFixture['log'][number][] = [];
  const logAt = (level: string) => (facts: object, message: string) => void log.push({ level, facts, message });
  const builtIn = mirothinkerV1('a-model');
  const nextUlid = monotonicFactory();
  const ports: ApiPorts = {
    engine,
    objects,
    blobs,
    trajectory,
    history: createHistoryReader({ trajectory, maxRuns: 10 }),
    archive: createHistoryArchive(objects),
    catalog: {
      profiles: new Map([builtIn, pricedProfile].map((profile) => [profile.name, profile])),
      tools: builtInTools(),
    },
    settings: { tenant: 'default', queuePrefix: '', standIn: true, timeZone: 'UTC' },
    ownHosts: () => new Set(['localhost', '127.0.0.1:8700']),
    now: () => clock.nowMs,
    newUlid: (atMs) => nextUlid(atMs),
    log: { info: logAt('info'), warn: logAt('warn'), error: logAt('error') },
    ...change,
  };
  const api = createApi(ports, options);
  const newRunId = monotonicFactory();
  return {
    api,
    engine,
    objects,
    trajectory,
    log,
    clock,
    ports,
    get: async (path, headers = {}) => await api.app.request(path, { headers }),
    post: async (path, body, headers = {}) =>
      await api.app.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    restart: (more = {}) => fixtureOf({ ...parts, change: { ...change, ...more } }, options),
    aRun: async (about = {}) => {
      const manifest = {
        ...buildManifest({
          tenant: 'default',
          runId: newRunId(clock.nowMs),
          question: 'Which lighthouse is the oldest?',
          profile: builtIn,
          tools: builtInTools(),
          now: new Date(clock.nowMs),
          timeZone: 'UTC',
          standIn: true,
          metadata: {},
        }),
        ...about,
      };
      await trajectory.putManifest(manifest);
      return manifest;
    },
  };
}
