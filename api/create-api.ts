import { type Context, Hono } from 'hono';
import { AppError, failures, toAppError } from '../domain/errors.ts';
import { createEventFollower } from './events/event-follower.ts';
import type { ApiEnv } from './http/api-env.ts';
import { createApiMetrics } from './http/metrics.ts';
import { problemResponse, toProblem, toProblemHeaders } from './http/problem.ts';
import { identify, refuseForeign } from './http/safety.ts';
import { createHandlers, type Handler } from './handlers.ts';
import type { ApiPorts } from './ports.ts';
import { routes } from './routes.ts';
import { createRunReader } from './runs/run-reader.ts';

/** The HTTP door, and what ends its background work. */
export interface Api {
  readonly app: Hono<ApiEnv>;
  /** Ends all event streams and polls. Idempotent. */
  readonly close: () => void;
}

/** Times and sizes of the event streams; the defaults are what is documented. */
export interface ApiOptions {
  readonly heartbeatMs?: number;
  readonly idleMs?: number;
  readonly maxEvents?: number;
}

/**
 * The HTTP door over its ports.
 *
 * *Contract:* every answer that is no success is problem+json with a code and the request's id; no answer holds a stack.
 */
export function createApi(ports: ApiPorts, options: ApiOptions = {}): Api {
  const { heartbeatMs = 15_000, idleMs = 30_000, maxEvents = 8_000 } = options;
  const follower = createEventFollower({ engine: ports.engine, idleMs, maxEvents });
  const metrics = createApiMetrics();
  const app = new Hono<ApiEnv>();
  app.use(identify(() => `req_${ports.newUlid(ports.now())}`));
  app.use(async (context, next) => {
    await next();
    const { method } = context.req.raw;
    metrics.requests.inc({ operation: context.get('operation'), method, status: String(context.res.status) });
  });
  app.use(refuseForeign(ports.ownHosts));
  const read = createRunReader(ports.trajectory);
  register(app, createHandlers({ api: ports, follower, metrics, read, heartbeatMs }));
  app.notFound((context) => {
    return answerFailure(ports, context, new AppError('Input.NotFound', { what: 'there is no such path' }));
  });
  app.onError((error, context) => answerFailure(ports, context, toAppError(error)));
  return { app, close: follower.close };
}

/** `{name}` of the document is `:name` of the router. */
function toHonoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/gu, ':$1');
}

/** Routes with their handlers; a path's other methods are refused by name. */
function register(app: Hono<ApiEnv>, handlers: Readonly<Record<keyof typeof routes, Handler>>): void {
  const methods = new Map<string, string[]>();
  for (const [name, handler] of Object.entries(handlers)) {
    const route = Object.entries(routes).find(([candidate]) => candidate === name)?.[1];
    if (route === undefined) continue;
    const path = toHonoPath(route.path);
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
    app.on(route.method.toUpperCase(), path, async (context) => {
      context.set('operation', route.operationId);
      return await handler(context);
    });
  }
  for (const [path, known] of methods) {
    const allow = known.includes('GET') ? [...known, 'HEAD'] : known;
    app.all(path, (context) => {
      context.header('allow', allow.join(', '));
      throw new AppError('Input.NotAllowed', {
        what: `${context.req.method.slice(0, 20)} is not a method of this path`,
        mend: `Methods: ${allow.join(', ')}.`,
      });
    });
  }
}

function answerFailure({ log }: ApiPorts, context: Context<ApiEnv>, failure: AppError): Response {
  const id = context.get('requestId');
  const { pathname } = new URL(context.req.url);
  const problem = toProblem(failure, { instance: pathname, id });
  if (failures[failure.type].http >= 500) {
    const { stack } = failure.type === 'Internal.Bug' ? toCause(failure) : { stack: undefined };
    log.error(
      { requestId: id, type: failure.type, failure: failure.message, path: pathname, stack },
      'a request failed',
    );
  }
  const allow = context.res.headers.get('allow');
  // A body that was not read to its end leaves the connection in no state for a next request.
  const close = failure.type === 'Input.TooLarge' ? { connection: 'close' } : {};
  return problemResponse(problem, { ...toProblemHeaders(failure), ...(allow === null ? {} : { allow }), ...close });
}

function toCause(failure: AppError): { readonly stack: string | undefined } {
  const { cause } = failure;
  return { stack: cause instanceof Error ? cause.stack : failure.stack };
}
