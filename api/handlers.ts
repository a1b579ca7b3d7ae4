import type { Context } from 'hono';
import { AppError } from '../domain/errors.ts';
import type { RunRef } from '../domain/ids.ts';
import type { RunManifest } from '../domain/manifest.ts';
import { answerEvents, type EventsPorts, eventsQuerySchema } from './events/events-handler.ts';
import type { ApiEnv } from './http/api-env.ts';
import { readJsonBody, requireNoBody } from './http/read-body.ts';
import { readQuery, toInvalid } from './http/read-query.ts';
import { createOpenapi } from './openapi.ts';
import { createHoldHandlers } from './hold-handlers.ts';
import type { routes } from './routes.ts';
import { answerHistories } from './runs/histories-handler.ts';
import { readIdempotencyKey } from './runs/idempotency.ts';
import { listQuerySchema, listRuns, toRunList } from './runs/list-runs.ts';
import { fromPublicId, type RunView, submitSchema, toLinks } from './runs/run-schemas.ts';
import { createRunViewer, type RunViewer } from './runs/run-view.ts';
import { createSubmit, toNewManifest } from './runs/submit.ts';
import { showPrompt } from './trajectory/show-prompt.ts';
import { showStep } from './trajectory/show-step.ts';
import { answerTrajectory, trajectoryQuerySchema } from './trajectory/trajectory-handler.ts';

/** Answers one route. */
export type Handler = (context: Context<ApiEnv>) => Response | Promise<Response>;

const terminal: ReadonlySet<RunView['status']> = new Set(['completed', 'incomplete', 'failed', 'cancelled']);

function noSuchRun(): AppError {
  return new AppError('Input.NotFound', { what: 'there is no such run', mend: 'GET /v1/research lists the runs.' });
}

/** One handler a route. */
export function createHandlers(ports: EventsPorts): Readonly<Record<keyof typeof routes, Handler>> {
  const viewer = createRunViewer(ports.api, ports.read);
  const holds = { ...ports, viewer, noSuchRun, toRun: (context: Context<ApiEnv>) => toRun(ports, context) };
  return {
    ...createWriteHandlers(ports, viewer),
    ...createHoldHandlers(holds),
    ...createReadHandlers(ports, viewer),
    ...createOwnHandlers(ports),
  };
}

function toRun({ api }: EventsPorts, context: Context<ApiEnv>): RunRef {
  const runId = fromPublicId(context.req.param('id') ?? '');
  if (runId === null) throw noSuchRun();
  return { tenant: api.settings.tenant, runId };
}

async function viewKnown(viewer: RunViewer, run: RunRef): Promise<RunView> {
  const view = await viewer.view(run);
  if (view === null) throw noSuchRun();
  return view;
}

/** Submit and cancel. */
function createWriteHandlers(ports: EventsPorts, viewer: RunViewer) {
  const { api, metrics, read } = ports;
  const submit = createSubmit(api);
  return {
    submit: async (context: Context<ApiEnv>) => {
      const key = readIdempotencyKey(context.req.header('idempotency-key'));
      const rawBody = await readJsonBody(context.req.raw);
      const body = submitSchema.safeParse(rawBody);
      if (!body.success) throw toInvalid(body.error);
      const submitted = await submit({
        rawBody,
        key,
        path: '/v1/research',
        toManifest: (record) => toNewManifest(api, body.data, record),
      });
      const { run, manifest, replayed } = submitted;
      metrics.submits.inc({ result: replayed ? 'replayed' : 'new' });
      const view = replayed ? ((await viewer.view(run)) ?? viewer.viewNew(manifest)) : viewer.viewNew(manifest);
      const location = toLinks(run.runId)['self'] ?? '';
      return context.json(view, 202, { location, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) });
    },
    cancel: async (context: Context<ApiEnv>) => {
      const run = toRun(ports, context);
      await requireNoBody(context.req.raw);
      const { outcome } = await read(run);
      const isAsked = outcome === null && (await api.engine.cancel(run));
      const view = await viewKnown(viewer, run);
      return context.json(view, isAsked && !terminal.has(view.status) ? 202 : 200);
    },
  };
}

/** Everything that is read of runs. */
function createReadHandlers(ports: EventsPorts, viewer: RunViewer) {
  const { api } = ports;
  const toManifest = async (context: Context<ApiEnv>): Promise<RunManifest> => {
    const { manifest, away } = await ports.read(toRun(ports, context));
    if (manifest === null) throw away ?? noSuchRun();
    return manifest;
  };
  const toStep = async <T>(
    context: Context<ApiEnv>,
    show: (manifest: RunManifest, n: number) => Promise<T | null>,
  ): Promise<T> => {
    const n = context.req.param('n') ?? '';
    const manifest = await toManifest(context);
    const shown = /^\d{1,8}$/u.test(n) ? await show(manifest, Number(n)) : null;
    if (shown !== null) return shown;
    throw new AppError('Input.NotFound', {
      what: 'this run has no record of that step (yet)',
      mend: 'Steps are numbered from 0; GET …/trajectory has them all.',
    });
  };
  return {
    get: async (context: Context<ApiEnv>) => context.json(await viewKnown(viewer, toRun(ports, context))),
    list: async (context: Context<ApiEnv>) => {
      const query = readQuery(listQuerySchema, context.req.queries());
      const place = { engine: api.engine, tenant: api.settings.tenant, nowMs: api.now() };
      const explain = (runId: string) => viewer.explain({ tenant: place.tenant, runId });
      return context.json(await toRunList(await listRuns(place, query), explain));
    },
    events: (context: Context<ApiEnv>) =>
      answerEvents(ports, {
        run: toRun(ports, context),
        query: readQuery(eventsQuerySchema, context.req.queries()),
        lastEventId: context.req.header('last-event-id'),
        accept: context.req.header('accept'),
        isHead: context.req.raw.method === 'HEAD',
        instance: new URL(context.req.url).pathname,
      }),
    trajectory: async (context: Context<ApiEnv>) => {
      const { content } = readQuery(trajectoryQuerySchema, context.req.queries());
      const manifest = await toManifest(context);
      const instance = new URL(context.req.url).pathname;
      return answerTrajectory(api, { manifest, content, instance, requestId: context.get('requestId') });
    },
    histories: async (context: Context<ApiEnv>) => {
      await toManifest(context);
      return await answerHistories(api, toRun(ports, context));
    },
    step: async (context: Context<ApiEnv>) => {
      const step = await toStep(context, (manifest, n) => showStep(api, manifest, n));
      return context.json(step);
    },
    prompt: async (context: Context<ApiEnv>) => {
      const prompt = await toStep(context, (manifest, n) => showPrompt(api, manifest, n));
      return context.json(prompt);
    },
  };
}

/** What the process says of itself. */
function createOwnHandlers({ metrics, follower }: EventsPorts) {
  const openapi = createOpenapi();
  return {
    health: (context: Context<ApiEnv>) => context.json({ ok: true }),
    metrics: async (context: Context<ApiEnv>) => {
      metrics.eventLogs.set(follower.size());
      return context.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType });
    },
    openapi: (context: Context<ApiEnv>) => context.json(openapi()),
  };
}
