import type { RunRef } from '../../domain/ids.ts';

/** Where everything is stored; the only place that spells a key. */
export const keys = {
  blob: (tenant: string, digest: string) => `t/${tenant}/blobs/sha256/${digest.slice(0, 2)}/${digest}`,
  manifest: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/manifest`,
  start: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/start`,
  step: (run: RunRef, seq: number) => `t/${run.tenant}/runs/${run.runId}/steps/${String(seq).padStart(8, '0')}`,
  steps: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/steps/`,
  forks: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/forks/`,
  histories: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/histories/`,
  history: (run: RunRef, n: number) => `t/${run.tenant}/runs/${run.runId}/histories/${String(n).padStart(4, '0')}`,
  outcome: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/outcome`,
  indexEntry: (run: RunRef, day: string) => `t/${run.tenant}/index/${day}/${run.runId}`,
  tree: (tenant: string, digest: string) => `t/${tenant}/trees/sha256/${digest.slice(0, 2)}/${digest}`,
  artifact: (run: RunRef, seq: number) => `t/${run.tenant}/runs/${run.runId}/artifacts/${String(seq).padStart(8, '0')}`,
  artifacts: (run: RunRef) => `t/${run.tenant}/runs/${run.runId}/artifacts/`,
  lease: (run: RunRef, name: string) => `t/${run.tenant}/leases/${run.runId}.${name}`,
  leases: (run: RunRef) => `t/${run.tenant}/leases/${run.runId}.`,
  idempotency: (tenant: string, digest: string) => `t/${tenant}/idempotency/${digest}`,
};
