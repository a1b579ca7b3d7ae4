import { Counter, Gauge, Registry } from 'prom-client';

/** What the door counts. */
export interface ApiMetrics {
  readonly registry: Registry;
  readonly requests: Counter<'operation' | 'method' | 'status'>;
  readonly submits: Counter<'result'>;
  readonly eventReaders: Gauge;
  readonly eventLogs: Gauge;
}

/** Counters of one API process, in a registry of their own. */
export function createApiMetrics(): ApiMetrics {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: 'longhaul_api_requests_total',
      help: 'Requests by operation, method and status.',
      labelNames: ['operation', 'method', 'status'],
      registers,
    }),
    submits: new Counter({
      name: 'longhaul_api_submits_total',
      help: 'Submitted runs: new, or replayed under an idempotency key.',
      labelNames: ['result'],
      registers,
    }),
    eventReaders: new Gauge({ name: 'longhaul_api_event_readers', help: 'Open event streams.', registers }),
    eventLogs: new Gauge({ name: 'longhaul_api_event_logs', help: 'Runs whose history is followed.', registers }),
  };
}
