import { OpenAPIHono } from '@hono/zod-openapi';
import { routes } from './routes.ts';

/** The door's document, made from the routes and their schemas at the first call. */
export function createOpenapi(): () => object {
  let document: object | null = null;
  return () => {
    document ??= writeDocument();
    return document;
  };
}

function writeDocument(): object {
  const app = new OpenAPIHono();
  for (const route of Object.values(routes)) app.openAPIRegistry.registerPath(route);
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Longhaul', version: '0.1.0', description: 'Durable research agents over HTTP.' },
  });
}
