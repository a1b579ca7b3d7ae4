import { readRetryAfterMs } from '../../activities/model/adapters/openai-errors.ts';
import { silentObserver } from '../../activities/model/pool/observer.ts';
import type { Chosen, ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import type { CallEnd } from '../../domain/pool/replica-health.ts';
import type { ConfiguredPool } from '../compose/model-pools.ts';
import { z } from 'zod';
import { openReplicaPool } from './open-replica-pool.ts';

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

const bodySchema = z.looseObject({ model: z.string() });

/** Statuses by which a server asks to come again, so that another may be asked at once. */
const refusals: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What an answer says of the replica that gave it. */
function toCallEnd(response: Response): CallEnd {
  if (!refusals.has(response.status)) return { kind: response.status >= 500 ? 'broke' : 'worked' };
  const waitMs = readRetryAfterMs(response.headers, Date.now()) ?? null;
  return waitMs === null && response.status !== 429 ? { kind: 'broke' } : { kind: 'refused', waitMs };
}

function toBody({ body, init }: PooledRequest, served: string | undefined): RequestInit['body'] {
  return served === undefined || body === null ? init.body : JSON.stringify({ ...body, model: served });
}

/** The request as the chosen replica takes it: its own address, and its own name of the model. */
function toRequest(request: PooledRequest, { replica, served }: Chosen): [string, RequestInit] {
  const path = new URL(request.url).pathname.replace(/^\/v1/u, '');
  const body = toBody(request, served?.served);
  const address = `${replica.address.url.replace(/\/$/u, '')}${path}`;
  return [address, body === undefined ? request.init : { ...request.init, body }];
}

interface PooledRequest {
  readonly url: string;
  readonly init: RequestInit;
  readonly body: z.infer<typeof bodySchema> | null;
  /** What the request is kept on one replica by. */
  readonly key: string;
}

function readRequest(input: Parameters<Fetch>[0], init: RequestInit): PooledRequest {
  const url = input instanceof Request ? input.url : String(input);
  const key = new Headers(init.headers).get('idempotency-key') ?? '';
  const text = typeof init.body === 'string' ? init.body : null;
  return { url, init, key, body: text === null ? null : (bodySchema.safeParse(JSON.parse(text)).data ?? null) };
}

/** The replica's answer; null when it could not be reached. */
async function askReplica(pool: ReplicaPool, request: PooledRequest, chosen: Chosen): Promise<Response | null> {
  const { replica, choice } = chosen;
  const call = replica.begin(choice, Date.now());
  try {
    const [address, init] = toRequest(request, chosen);
    const signals = [call.controller.signal, init.signal ?? []].flat();
    const response = await fetch(address, { ...init, signal: AbortSignal.any(signals) });
    replica.end(call, toCallEnd(response), Date.now());
    if (response.ok) pool.placed(request.key, replica.id);
    return response;
  } catch (error) {
    if (request.init.signal?.aborted === true) {
      replica.forget(call);
      throw error;
    }
    replica.end(call, { kind: 'broke' }, Date.now());
    return null;
  }
}

/** Asks one replica after another until one answers; the last refusal is the answer when none does. */
async function askAny(pool: ReplicaPool, request: PooledRequest): Promise<Response> {
  const exclude = new Set<string>();
  const model = request.body?.model ?? '';
  let refusal: Response | null = null;
  for (;;) {
    const chosen = pool.choose({ run: request.key, model, home: null, tokens: 0, exclude });
    if (typeof chosen === 'string') return refusal ?? Promise.reject(pool.toRefusal(model, null));
    exclude.add(chosen.replica.id);
    const response = await askReplica(pool, request, chosen);
    if (response === null) continue;
    if (!refusals.has(response.status)) return response;
    await refusal?.body?.cancel();
    refusal = response;
  }
}

/**
 * A `fetch` whose requests go to the replicas of a pool: to another one while nothing was answered.
 *
 * The pool is opened at the first request.
 */
export function createPooledFetch(configured: ConfiguredPool): Fetch {
  let opened: Promise<ReplicaPool> | null = null;
  const open = async (): Promise<ReplicaPool> => {
    const pool = await openReplicaPool(configured, silentObserver);
    await pool.start();
    return pool;
  };
  return async (input, init = {}) => {
    opened ??= open();
    return askAny(await opened, readRequest(input, init));
  };
}
