import { createServer, type Server, type ServerResponse } from 'node:http';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { PoolName } from '../domain/tools.ts';
import type { SupervisorState } from './supervisor.ts';

export interface HealthOptions {
  readonly host: string;
  readonly port: number;
  readonly pools: readonly PoolName[];
  readonly state: () => SupervisorState;
}

function createRegistry(state: HealthOptions['state']): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'longhaul_supervisor_' });
  const gauges = {
    longhaul_worker_ready: ['1 while the worker polls', () => (state().ready ? 1 : 0)],
    longhaul_worker_restarts_total: ['workers started again after a death', () => state().restarts],
    longhaul_steps_in_flight: ['activities that the worker has now', () => state().inFlight],
  } as const;
  for (const [name, [help, read]] of Object.entries(gauges)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => gauge.set(read()),
    });
  }
  return registry;
}

/** The worker's own metrics, while it lives. */
async function readWorkerMetrics(port: number | null): Promise<string> {
  if (port === null) return '';
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(1_000) });
    return await response.text();
  } catch {
    return '';
  }
}

async function answer(
  options: HealthOptions,
  registry: Registry,
  { path, response }: { readonly path: string; readonly response: ServerResponse },
): Promise<void> {
  if (path === '/healthz') {
    const { ready, workerPid, restarts, standby, inFlight } = options.state();
    response.writeHead(ready ? 200 : 503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ok: ready, pools: options.pools, workerPid, restarts, standby, inFlight }));
  } else if (path === '/metrics') {
    const own = await registry.metrics();
    const workers = await readWorkerMetrics(options.state().workerMetricsPort);
    response.writeHead(200, { 'content-type': registry.contentType }).end(`${own}\n${workers}`);
  } else {
    response.writeHead(404).end();
  }
}

/** Serves `/healthz` and `/metrics`; they belong to the supervisor, so they outlive the worker. */
export function startHealthServer(options: HealthOptions): Promise<{ readonly server: Server; readonly port: number }> {
  const registry = createRegistry(options.state);
  const server = createServer((request, response) => {
    void answer(options, registry, { path: request.url ?? '', response });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : options.port });
    });
  });
}
