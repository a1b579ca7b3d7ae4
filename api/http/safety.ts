import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../domain/errors.ts';
import type { ApiEnv } from './api-env.ts';

/** What a browser may do with an answer: nothing but read it as what it says it is. */
const securityHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

/** Gives every request its id, and every answer the id and the security headers. */
export function identify(newRequestId: () => string): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    context.set('requestId', newRequestId());
    context.set('operation', 'none');
    await next();
    const headers = { ...securityHeaders, 'x-request-id': context.get('requestId') };
    for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    if (!context.res.headers.has('cache-control')) context.res.headers.set('cache-control', 'no-store');
  };
}

/** The names under which a loopback server on `port` may be called. */
export function toOwnHosts(port: number): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  return new Set(names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
}

/**
 * Refuses what a foreign page could send: another `Host` (DNS rebinding), another `Origin`, a request that the browser calls
 * cross-site.
 */
export function refuseForeign(ownHosts: () => ReadonlySet<string>): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const host = (context.req.header('host') ?? new URL(context.req.url).host).toLowerCase();
    if (!ownHosts().has(host)) {
      throw new AppError('Input.ForeignOrigin', {
        what: `the Host header ${JSON.stringify(host.slice(0, 100))} is none of this server's names`,
        field: 'host',
        mend: `Call it as ${[...ownHosts()].join(' or ')}.`,
      });
    }
    const origin = context.req.header('origin');
    const isOwn =
      origin === undefined || (origin.startsWith('http://') && ownHosts().has(origin.slice('http://'.length)));
    if (!isOwn || context.req.header('sec-fetch-site') === 'cross-site') {
      throw new AppError('Input.ForeignOrigin', {
        what: `requests from ${JSON.stringify((origin ?? 'another site').slice(0, 100))} are refused`,
        field: 'origin',
        mend: 'Only pages of this server, and programs that send no Origin, may call it.',
      });
    }
    await next();
  };
}
