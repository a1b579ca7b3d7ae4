import type { ToolContext } from '../../activities/steps/tool-step.ts';
import { aManifest, aRunId } from './facts.ts';

/** What a tool is called with, in the first tool slot of a run. */
export function aToolContext(change: Partial<ToolContext> = {}): ToolContext {
  return {
    tenant: 'default',
    runId: aRunId,
    seq: 1,
    stepKey: 'key-1',
    signal: new AbortController().signal,
    begin: () => {},
    manifest: aManifest(),
    around: {
      modelSeq: 0,
      callIndex: 0,
      earlierCalls: [],
      recordOf: () => Promise.resolve(null),
      reportWaiting: () => {},
    },
    ...change,
  };
}
