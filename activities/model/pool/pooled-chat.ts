import { costOf } from '../../../domain/budget.ts';
import { AppError, type FailureType, toAppError } from '../../../domain/errors.ts';
import type { CallEnd } from '../../../domain/pool/replica-health.ts';
import type { ChatPort, ChatReply, ChatRequest } from '../ports.ts';
import type { CallInFlight } from './replica.ts';
import type { Chosen, ReplicaPool } from './replica-pool.ts';

/** Failures before anything was generated: the call may go to another replica at once. */
const movable: ReadonlySet<FailureType> = new Set(['Model.Unavailable', 'Model.RateLimited']);

/** Failures that are the replica's own. */
const broken: ReadonlySet<FailureType> = new Set(['Model.Timeout', 'Model.StreamCut', 'Model.Failed']);

/** How long a run without room waits before it is looked at again, in milliseconds. */
const parkMs = 15_000;

/** What a failure says of the replica; a request that is wrong says that the server works. */
function toCallEnd({ type, facts }: AppError): CallEnd {
  if (broken.has(type)) return { kind: 'broke' };
  const waitMs = facts.retryAfterMs ?? null;
  if (type === 'Model.RateLimited') return { kind: 'refused', waitMs };
  if (type === 'Model.Unavailable') return waitMs === null ? { kind: 'broke' } : { kind: 'refused', waitMs };
  return { kind: 'worked' };
}

/**
 * A chat port over a pool of replicas: each run at the replica that holds its prefix, elsewhere when that cannot be asked.
 *
 * *Contract:* a call moves within one attempt only while nothing of it was generated; whatever else fails is the step's to try again.
 */
export function createPooledChat(pool: ReplicaPool): ChatPort {
  return {
    complete: async (request, signal) => {
      await pool.start();
      pool.watchPrompt(request.sessionId, request.messages);
      const exclude = new Set<string>();
      let first: AppError | null = null;
      for (;;) {
        const chosen = choose(pool, request, { exclude, first });
        try {
          return await callReplica(pool, { chosen, request, signal });
        } catch (error) {
          if (signal.aborted) throw error;
          const failure = toAppError(error);
          if (!movable.has(failure.type)) throw failure;
          first ??= failure;
          exclude.add(chosen.replica.id);
        }
      }
    },
  };
}

interface Tried {
  readonly exclude: ReadonlySet<string>;
  readonly first: AppError | null;
}

/** The replica for a call. @throws AppError when the call has to wait: its task goes back to the queue for a while and holds no slot */
function choose(pool: ReplicaPool, request: ChatRequest, { exclude, first }: Tried): Chosen {
  const { sessionId: run, home, model } = request;
  const chosen = pool.choose({
    run,
    model: model.name,
    home,
    tokens: pool.promptTokens.estimate(request.messages),
    exclude,
  });
  if (chosen === 'nobody') throw pool.toRefusal(model.name, first);
  if (chosen !== 'full') return chosen;
  pool.admission.park(run, pool.ports.now());
  pool.ports.observer.parked(run);
  throw new AppError('Model.PoolFull', {
    what: 'the KV caches of the pool are full of runs that are further on; this one goes on when one of them has ended',
    retryAfterMs: parkMs,
  });
}

interface ReplicaCall {
  readonly chosen: Chosen;
  readonly request: ChatRequest;
  readonly signal: AbortSignal;
}

async function callReplica(pool: ReplicaPool, { chosen, request, signal }: ReplicaCall): Promise<ChatReply> {
  const { admission, ports } = pool;
  const { replica, choice, served } = chosen;
  const run = request.sessionId;
  const tokens = pool.promptTokens.estimate(request.messages);
  const call = replica.begin(choice, ports.now());
  admission.begin({ run, tokens, replica: replica.id, nowMs: ports.now() });
  noteMove(pool, request, chosen);
  const onByte = (): void => {
    call.lastByteAtMs = ports.now();
    call.firstByteAtMs ??= call.lastByteAtMs;
  };
  const both = AbortSignal.any([signal, call.controller.signal]);
  try {
    const reply = await replica.server.complete(request, { signal: both, served, onByte });
    const used = reply.usage === null ? tokens : reply.usage.inputTokens + reply.usage.outputTokens;
    admission.end({ run, tokens: used, replica: replica.id, nowMs: ports.now(), done: request.isLast });
    pool.placed(run, replica.id);
    if (reply.usage !== null) pool.promptTokens.learn(request.messages, reply.usage.inputTokens);
    settle(pool, { chosen, request, call }, reply);
    return { ...reply, replica: replica.id };
  } catch (error) {
    admission.end({ run, tokens, replica: replica.id, nowMs: ports.now(), done: false });
    const failure = await explain(pool, { chosen, call, error, signal });
    settle(pool, { chosen, request, call }, failure);
    throw failure ?? error;
  }
}

/** Null when the caller ended the call. A replica that has gone away under its call is away, whatever the call saw of it. */
async function explain(
  pool: ReplicaPool,
  {
    chosen,
    call,
    error,
    signal,
  }: Omit<ReplicaCall, 'request'> & { readonly call: CallInFlight; readonly error: unknown },
): Promise<AppError | null> {
  if (signal.aborted) return null;
  if (call.controller.signal.aborted) {
    return new AppError('Model.Unavailable', { what: `replica ${chosen.replica.id} no longer answers`, cause: error });
  }
  const failure = toAppError(error);
  if (failure.type !== 'Model.StreamCut') return failure;
  const { timeoutMs } = pool.ports.pool.health;
  if (await chosen.replica.server.probe(AbortSignal.timeout(timeoutMs))) return failure;
  const what = `replica ${chosen.replica.id} went away in the middle of a reply`;
  return new AppError('Model.Unavailable', { what, cause: failure });
}

function noteMove(pool: ReplicaPool, request: ChatRequest, { choice, replica }: Chosen): void {
  const from = request.home ?? pool.placeOf(request.sessionId);
  if (from === null || from === replica.id) return;
  if (choice.reason !== 'moved' && choice.reason !== 'relieved') return;
  const { sessionId: run, tenant } = request;
  pool.ports.observer.moved({ run, tenant, from, to: replica.id, reason: choice.reason });
}

interface Settled {
  readonly chosen: Chosen;
  readonly request: ChatRequest;
  readonly call: CallInFlight;
}

function usageOf(end: ChatReply | AppError | null): ChatReply['usage'] {
  return end === null || end instanceof AppError ? null : end.usage;
}

/** Accounts for a call that ended with a reply, a failure, or by its owner's will (null). */
function settle(pool: ReplicaPool, { chosen, request, call }: Settled, end: ChatReply | AppError | null): void {
  const { observer, now } = pool.ports;
  const { replica, choice, served } = chosen;
  const { startedAtMs, firstByteAtMs } = call;
  const failure = end instanceof AppError ? end : null;
  // What its owner ended says nothing of the replica.
  if (end === null) replica.forget(call);
  else replica.end(call, failure === null ? { kind: 'worked' } : toCallEnd(failure), now());
  const usage = usageOf(end);
  observer.ended({
    run: request.sessionId,
    tenant: request.tenant,
    replica: replica.id,
    reason: choice.reason,
    failure: end === null ? 'Run.Cancelled' : (failure?.type ?? null),
    firstByteMs: firstByteAtMs === null ? null : firstByteAtMs - startedAtMs,
    totalMs: now() - startedAtMs,
    usage,
    costMicroUsd: usage === null ? null : costOf(usage, served?.prices ?? null),
  });
}
