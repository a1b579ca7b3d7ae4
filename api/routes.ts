import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import { eventListSchema } from './events/event-view.ts';
import { problemSchema } from './http/problem.ts';
import { runStatusSchema } from '../domain/outcome.ts';
import {
  editBodySchema,
  forkBodySchema,
  holdBodySchema,
  messageBodySchema,
  raiseBodySchema,
} from './runs/hold-schemas.ts';
import { runListSchema, runSchema, submitSchema } from './runs/run-schemas.ts';
import { promptSchema } from './trajectory/show-prompt.ts';
import { stepSchema } from './trajectory/show-step.ts';

/** Problems that a call may answer beside those of every call. */
function problems(...statuses: readonly number[]) {
  const content = { 'application/problem+json': { schema: problemSchema } };
  const all = [403, ...statuses, 500, 503];
  return Object.fromEntries(all.map((status) => [status, { description: describe(status), content }]));
}

const descriptions: Readonly<Record<number, string>> = {
  400: 'Not JSON, or a cursor that is none.',
  403: 'A foreign Host or Origin.',
  404: 'No such run or step.',
  409: 'Not possible as the run stands (code names the rule), or the same request is still in flight (with Retry-After).',
  410: 'The engine no longer keeps the history.',
  413: 'The body is longer than 256 KB.',
  415: 'The body is not application/json.',
  422: 'A field breaks its rule, or an Idempotency-Key came with another body.',
  500: 'A bug of ours, or a damaged record.',
  503: 'Engine or object store are away; come again after Retry-After.',
};

function describe(status: number): string {
  return descriptions[status] ?? String(status);
}

function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

const idParam = z.object({ id: z.string().describe('rsch_ and a ULID, or the ULID alone') });
const stepParams = idParam.extend({ n: z.coerce.number().int().min(0) });
const keyHeader = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('1 to 255 visible ASCII characters; repeats are one request'),
});

/** A verb with which a person takes hold of a live run; repeats under one Idempotency-Key are one hold. */
function hold(options: {
  readonly operationId: string;
  readonly path: string;
  readonly summary: string;
  readonly schema?: z.ZodType;
}) {
  const { operationId, path, summary, schema = holdBodySchema } = options;
  const isStep = path.includes('{n}');
  return createRoute({
    operationId,
    method: 'post',
    path,
    summary,
    request: {
      headers: keyHeader,
      params: isStep ? stepParams : idParam,
      body: { required: schema !== holdBodySchema, content: { 'application/json': { schema } } },
    },
    responses: { 200: json(runSchema, 'Taken; the run as it stands.'), ...problems(400, 404, 409, 413, 415, 422) },
  });
}

const run = '/v1/research/{id}';
const step = `${run}/steps/{n}`;
const forked = json(runSchema, 'A new run that shares the records before the step. Location names it.');

/** Every route of the door, as its document shows it. Handlers check against the same schemas. */
export const routes = {
  submit: createRoute({
    operationId: 'submitResearch',
    method: 'post',
    path: '/v1/research',
    summary: 'Submit a question; the run goes on by itself.',
    request: {
      headers: keyHeader,
      body: { required: true, content: { 'application/json': { schema: submitSchema } } },
    },
    responses: {
      202: json(runSchema, 'Submitted. Location names the run; Idempotency-Replayed: true marks a repeat.'),
      ...problems(400, 409, 413, 415, 422),
    },
  }),
  list: createRoute({
    operationId: 'listResearch',
    method: 'get',
    path: '/v1/research',
    summary: "List runs by time of submission, from the engine's index.",
    request: {
      query: z.object({
        after: z.string().optional(),
        before: z.string().optional(),
        limit: z.coerce.number().int().min(1).max(100).default(20),
        order: z.enum(['asc', 'desc']).default('desc'),
        status: runStatusSchema.optional(),
      }),
    },
    responses: { 200: json(runListSchema, 'A page.'), ...problems(400, 422) },
  }),
  get: createRoute({
    operationId: 'getResearch',
    method: 'get',
    path: '/v1/research/{id}',
    summary: 'A run: status, answer, sources, usage, cost, what it waits for.',
    request: { params: idParam },
    responses: { 200: json(runSchema, 'The run.'), ...problems(404) },
  }),
  cancel: createRoute({
    operationId: 'cancelResearch',
    method: 'post',
    path: '/v1/research/{id}/cancel',
    summary: 'Ask for cancellation. Idempotent; needs no worker.',
    request: { params: idParam },
    responses: {
      200: json(runSchema, 'The run had ended.'),
      202: json(runSchema, 'Asked for; the run ends as cancelled.'),
      ...problems(400, 404, 413, 415, 422),
    },
  }),
  pause: hold({
    operationId: 'pauseResearch',
    path: `${run}/pause`,
    summary: 'Stand still after the steps in flight; the time does not count against the wall limit.',
  }),
  resume: hold({ operationId: 'resumeResearch', path: `${run}/resume`, summary: 'Go on after a pause.' }),
  finalize: hold({
    operationId: 'finalizeResearch',
    path: `${run}/finalize`,
    summary: 'Ask for the answer now, with what is known.',
  }),
  steer: hold({
    operationId: 'steerResearch',
    path: `${run}/messages`,
    summary: 'Tell the model something with its next turn.',
    schema: messageBodySchema,
  }),
  raise: hold({
    operationId: 'raiseResearchBudget',
    path: `${run}/budget`,
    summary: "Raise limits, up to the profile's own; a run that paused at a limit goes on.",
    schema: raiseBodySchema,
  }),
  retryStep: createRoute({
    operationId: 'retryResearchStep',
    method: 'post',
    path: `${step}/retry`,
    summary: 'Try a step again whose attempts ran out; in a run that has ended, as a fork at that step.',
    request: {
      headers: keyHeader,
      params: stepParams,
      body: { required: false, content: { 'application/json': { schema: holdBodySchema } } },
    },
    responses: {
      200: json(runSchema, 'Taken; the run as it stands.'),
      202: forked,
      ...problems(400, 404, 409, 413, 415, 422),
    },
  }),
  skipStep: hold({
    operationId: 'skipResearchStep',
    path: `${step}/skip`,
    summary: 'Leave a call out: one whose attempts ran out, or of a paused run. The model is told.',
  }),
  editStep: hold({
    operationId: 'editResearchStep',
    path: `${step}/edit`,
    summary: 'Give a call other arguments: one whose attempts ran out, or of a paused run. Recorded with who and why.',
    schema: editBodySchema,
  }),
  approveStep: hold({
    operationId: 'approveResearchStep',
    path: `${step}/approve`,
    summary: 'Let a call run that waits for approval.',
  }),
  denyStep: hold({
    operationId: 'denyResearchStep',
    path: `${step}/deny`,
    summary: 'Refuse a call that waits for approval; the model is told.',
  }),
  fork: createRoute({
    operationId: 'forkResearch',
    method: 'post',
    path: `${run}/fork`,
    summary: 'A new run from any step of this one, ended or not: the steps before it are shared and cost nothing.',
    request: {
      headers: keyHeader,
      params: idParam,
      body: { required: true, content: { 'application/json': { schema: forkBodySchema } } },
    },
    responses: { 202: forked, ...problems(400, 404, 409, 413, 415, 422) },
  }),
  histories: createRoute({
    operationId: 'getResearchHistories',
    method: 'get',
    path: `${run}/histories`,
    summary:
      "The engine's histories of the run, an execution a line: what a replay takes. From the archive once it has ended.",
    request: { params: idParam },
    responses: {
      200: { description: 'JSON lines.', content: { 'application/x-ndjson': { schema: z.string() } } },
      ...problems(404),
    },
  }),
  prompt: createRoute({
    operationId: 'getResearchPrompt',
    method: 'get',
    path: `${step}/prompt`,
    summary: 'The exact messages that a model step sent, rendered from the records and proved by its digest.',
    request: { params: stepParams },
    responses: { 200: json(promptSchema, 'The prompt.'), ...problems(404, 422) },
  }),
  events: createRoute({
    operationId: 'getResearchEvents',
    method: 'get',
    path: '/v1/research/{id}/events',
    summary: 'Numbered events: a page, or with Accept: text/event-stream all of them as they come.',
    request: {
      params: idParam,
      headers: z.object({ 'last-event-id': z.string().optional() }),
      query: z.object({
        after_seq: z.coerce.number().int().min(0).optional(),
        limit: z.coerce.number().int().min(1).max(1_000).default(200),
      }),
    },
    responses: {
      200: {
        description: 'Events after the given number.',
        content: { 'application/json': { schema: eventListSchema }, 'text/event-stream': { schema: z.string() } },
      },
      204: { description: 'The run has ended and nothing follows the given number.' },
      ...problems(400, 404, 410, 422),
    },
  }),
  trajectory: createRoute({
    operationId: 'getResearchTrajectory',
    method: 'get',
    path: '/v1/research/{id}/trajectory',
    summary: 'Every record as JSON lines: run, steps, outcome.',
    request: {
      params: idParam,
      query: z.object({
        format: z.literal('jsonl').default('jsonl'),
        content: z.enum(['inline', 'ref']).default('inline'),
      }),
    },
    responses: {
      200: { description: 'JSON lines.', content: { 'application/x-ndjson': { schema: z.string() } } },
      ...problems(404, 422),
    },
  }),
  step: createRoute({
    operationId: 'getResearchStep',
    method: 'get',
    path: '/v1/research/{id}/steps/{n}',
    summary: 'One step with its request and response.',
    request: { params: stepParams },
    responses: { 200: json(stepSchema, 'The step.'), ...problems(404) },
  }),
  health: createRoute({
    operationId: 'getHealth',
    method: 'get',
    path: '/healthz',
    summary: 'Is this process alive?',
    responses: { 200: json(z.strictObject({ ok: z.literal(true) }), 'Alive.'), ...problems() },
  }),
  metrics: createRoute({
    operationId: 'getMetrics',
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics of this process.',
    responses: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: z.string() } } }, ...problems() },
  }),
  openapi: createRoute({
    operationId: 'getOpenapi',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    responses: { 200: json(z.record(z.string(), z.unknown()), 'OpenAPI 3.1.'), ...problems() },
  }),
} as const;
