import type { Context } from 'hono';
import type { z } from 'zod';
import type { Hold, StepAction } from '../domain/holds.ts';
import { AppError } from '../domain/errors.ts';
import type { RunRef } from '../domain/ids.ts';
import type { RunManifest } from '../domain/manifest.ts';
import type { EventsPorts } from './events/events-handler.ts';
import type { ApiEnv } from './http/api-env.ts';
import { readJsonBody } from './http/read-body.ts';
import { toInvalid } from './http/read-query.ts';
import { noteFork, toForkManifest } from './runs/fork-run.ts';
import {
  editBodySchema,
  type ForkBody,
  forkBodySchema,
  type HoldBody,
  holdBodySchema,
  messageBodySchema,
  raiseBodySchema,
} from './runs/hold-schemas.ts';
import { readIdempotencyKey } from './runs/idempotency.ts';
import { toLinks } from './runs/run-schemas.ts';
import type { RunViewer } from './runs/run-view.ts';
import { createSubmit } from './runs/submit.ts';
import { takeHold, toEdit, toRaise, toSteer } from './runs/take-hold.ts';

/** What a hold's handler works with. */
export interface HoldPorts extends EventsPorts {
  readonly viewer: RunViewer;
  readonly toRun: (context: Context<ApiEnv>) => RunRef;
  readonly noSuchRun: () => AppError;
}

interface Asked<T> {
  readonly run: RunRef;
  readonly manifest: RunManifest;
  readonly body: T;
  readonly rawBody: unknown;
  readonly key: string | null;
  readonly path: string;
  readonly hasEnded: boolean;
}

/** Reads a request to hold a run: who, which, and what. A body may be left out where nothing in it is needed. */
async function readAsked<T>(ports: HoldPorts, context: Context<ApiEnv>, schema: z.ZodType<T>): Promise<Asked<T>> {
  const run = ports.toRun(context);
  const key = readIdempotencyKey(context.req.header('idempotency-key'));
  const { raw } = context.req;
  const isEmpty = raw.body === null || raw.headers.get('content-length') === '0';
  const rawBody = isEmpty ? {} : await readJsonBody(raw);
  const body = schema.safeParse(rawBody);
  if (!body.success) throw toInvalid(body.error);
  const { manifest, outcome, away } = await ports.read(run);
  if (manifest === null) throw away ?? ports.noSuchRun();
  const path = new URL(context.req.url).pathname;
  return { run, manifest, body: body.data, rawBody, key, path, hasEnded: outcome !== null };
}

function ended(): AppError {
  return new AppError('Run.Ended', {
    what: 'the run has its outcome, so nothing of it can be changed',
    mend: 'Fork it at the step where it should go another way: POST …/fork.',
  });
}

function readStep(context: Context<ApiEnv>): number {
  const n = context.req.param('n') ?? '';
  if (/^\d{1,8}$/u.test(n)) return Number(n);
  throw new AppError('Input.NotFound', { what: 'a step is named by its number', mend: 'Steps are numbered from 0.' });
}

/** The verbs with which people take hold of runs and steps. */
export function createHoldHandlers(ports: HoldPorts) {
  const handle =
    <T>(schema: z.ZodType<T>, toHold: (asked: Asked<T>, context: Context<ApiEnv>) => Hold | Promise<Hold>) =>
    async (context: Context<ApiEnv>): Promise<Response> => {
      const asked = await readAsked(ports, context, schema);
      if (asked.hasEnded) throw ended();
      await takeHold(ports.api, asked, await toHold(asked, context));
      return context.json(await viewKnown(ports, asked.run));
    };
  const simple = (type: 'pause' | 'resume' | 'finalize') =>
    handle(holdBodySchema, ({ body }) => ({ type, by: body.by, why: body.reason }));
  const onStep = (action: Exclude<StepAction, 'edit' | 'retry'>) =>
    handle(holdBodySchema, ({ body }, context) => toStepHold(body, readStep(context), action));
  return {
    pause: simple('pause'),
    resume: simple('resume'),
    finalize: simple('finalize'),
    steer: handle(messageBodySchema, ({ run, body }) => toSteer(ports.api, run, body)),
    raise: handle(raiseBodySchema, ({ manifest, body }) => toRaise(manifest, body)),
    skipStep: onStep('skip'),
    approveStep: onStep('approve'),
    denyStep: onStep('deny'),
    editStep: handle(editBodySchema, ({ run, body }, context) =>
      toEdit(ports.api, run, { seq: readStep(context), body }),
    ),
    ...createForkHandlers(ports),
  };
}

async function viewKnown({ viewer, noSuchRun }: HoldPorts, run: RunRef) {
  const view = await viewer.view(run);
  if (view === null) throw noSuchRun();
  return view;
}

function toStepHold(body: HoldBody, seq: number, action: StepAction): Hold {
  return { type: 'step', by: body.by, why: body.reason, seq, action, digest: null };
}

function createForkHandlers(ports: HoldPorts) {
  const submit = createSubmit(ports.api);
  const fork = async (context: Context<ApiEnv>, { asked, body }: { asked: Asked<unknown>; body: ForkBody }) => {
    const { manifest: source, rawBody, key, path } = asked;
    const { run, manifest, replayed } = await submit({
      rawBody,
      key,
      path,
      toManifest: ({ runId, createdAt }) =>
        toForkManifest(ports.api, { source, body, runId, now: new Date(createdAt) }),
    });
    await noteFork(ports.api, source, run);
    const view = (replayed ? await ports.viewer.view(run) : null) ?? ports.viewer.viewNew(manifest);
    const location = toLinks(run.runId)['self'] ?? '';
    return context.json(view, 202, { location, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) });
  };
  return {
    fork: async (context: Context<ApiEnv>) => {
      const asked = await readAsked(ports, context, forkBodySchema);
      return await fork(context, { asked, body: asked.body });
    },
    /** A step of a run that has ended is retried in a fork: its own slot is closed for good. */
    retryStep: async (context: Context<ApiEnv>) => {
      const asked = await readAsked(ports, context, holdBodySchema);
      const { by, reason } = asked.body;
      const step = readStep(context);
      if (asked.hasEnded) {
        return await fork(context, { asked, body: { by, reason, from_step: step, overrides: {} } });
      }
      await takeHold(ports.api, asked, toStepHold(asked.body, step, 'retry'));
      return context.json(await viewKnown(ports, asked.run));
    },
  };
}
