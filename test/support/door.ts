import { monotonicFactory } from 'ulid';
import { createHistoryArchive } from '../../activities/storage/history-archive.ts';
import { createHistoryReader } from '../../activities/storage/history-reader.ts';
import { httpToolSchema, toToolDefinition } from '../../activities/tools/adapters/http-tool.ts';
import { type Api, createApi } from '../../api/create-api.ts';
import { createArchivedEngine } from '../../api/engine/archived-engine.ts';
import { createTemporalEngine } from '../../api/engine/temporal-engine.ts';
import { problemSchema } from '../../api/http/problem.ts';
import type { ApiPorts } from '../../api/ports.ts';
import { fromPublicId, runSchema, type RunView } from '../../api/runs/run-schemas.ts';
import type { RunRef } from '../../domain/ids.ts';
import { mirothinkerV1, type Profile } from '../../domain/profile.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import { loadHttpTools } from '../../workers/compose/catalog.ts';
import type { House } from './house.ts';
import { waitFor } from './processes.ts';

/** A verb under an Idempotency-Key. */
interface KeyedVerb {
  readonly name: string;
  readonly key: string;
}

/** The HTTP door of a house, called in process: the real engine and store behind it. */
export interface Door {
  readonly api: Api;
  readonly ports: ApiPorts;
  readonly submit: (body: Readonly<Record<string, unknown>>) => Promise<string>;
  /** A verb that must be taken; gives the run as it stands. */
  readonly verb: (id: string, name: string | KeyedVerb, body?: unknown) => Promise<RunView>;
  /** A verb that must be refused; gives status and code. */
  readonly refused: (id: string, name: string, body?: unknown) => Promise<{ status: number; code: string }>;
  readonly read: (id: string) => Promise<RunView>;
  readonly get: (path: string) => Promise<Response>;
  /** Waits until the run stands as asked. */
  readonly until: (id: string, what: string, isSo: (run: RunView) => boolean) => Promise<RunView>;
  readonly close: () => void;
}

export const refOf = (id: string): RunRef => ({ tenant: 'default', runId: fromPublicId(id) ?? '' });

async function viewOf(response: Response): Promise<RunView> {
  if (!response.ok) throw new Error(`the door answered ${response.status}: ${await response.text()}`);
  return runSchema.parse(await response.json());
}

/** Opens a door with an agent named `agent` that has the test tools; `change` makes others of it by name. */
export function openDoor(house: House, change: Readonly<Record<string, (profile: Profile) => Profile>> = {}): Door {
  const httpTools = loadHttpTools(house.env['LONGHAUL_TOOLS_FILE'] ?? null).map((tool) => httpToolSchema.parse(tool));
  const base = mirothinkerV1('longhaul-scripted');
  const agent = { ...base, name: 'agent', tools: [...base.tools, ...httpTools.map((tool) => tool.name)] };
  const others = Object.entries(change).map(([name, make]) => ({ ...make(agent), name }));
  const nextUlid = monotonicFactory();
  const { objects, blobs, trajectory } = house.storage;
  const archive = createHistoryArchive(objects);
  const ports: ApiPorts = {
    engine: createArchivedEngine(
      createTemporalEngine({ client: house.client, queuePrefix: house.queuePrefix }),
      archive,
    ),
    objects,
    blobs,
    trajectory,
    history: createHistoryReader({ trajectory, maxRuns: 10 }),
    archive,
    catalog: {
      profiles: new Map([agent, ...others].map((profile) => [profile.name, profile])),
      tools: [...builtInTools(), ...httpTools.map(toToolDefinition)],
    },
    settings: { tenant: 'default', queuePrefix: house.queuePrefix, standIn: true, timeZone: 'UTC' },
    ownHosts: () => new Set(['localhost']),
    now: () => Date.now(),
    newUlid: (atMs) => nextUlid(atMs),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  };
  const api = createApi(ports);
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
    await api.app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const read = async (id: string) => await viewOf(await api.app.request(`/v1/research/${id}`));
  return {
    api,
    ports,
    read,
    submit: async (body) => (await viewOf(await post('/v1/research', body))).id,
    verb: async (id, verb, body = {}) => {
      const { name, key } = typeof verb === 'string' ? { name: verb, key: null } : verb;
      const headers = key === null ? {} : { 'idempotency-key': key };
      return await viewOf(await post(`/v1/research/${id}/${name}`, body, headers));
    },
    refused: async (id, name, body = {}) => {
      const response = await post(`/v1/research/${id}/${name}`, body);
      const { code } = problemSchema.parse(await response.json());
      return { status: response.status, code };
    },
    get: async (path) => await api.app.request(path),
    until: (id, what, isSo) =>
      waitFor(`${what} of ${id}`, async () => {
        const run = await read(id);
        return isSo(run) ? run : null;
      }),
    close: api.close,
  };
}
