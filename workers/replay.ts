import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from './workflow-bundle.ts';

/**
 * A replayer of histories through today's workflow code.
 *
 * Gives what does not fit, in the engine's words; null when the history is one that today's code would make. Nothing is called and
 * nothing is written.
 */
export async function createReplayer(): Promise<(history: unknown) => Promise<string | null>> {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}), telemetryOptions: {} });
  const code = await bundleWorkflows();
  return async (history) => {
    const histories = [{ workflowId: 'research/replay', history: historyFromJSON(history) }];
    for await (const { error } of Worker.runReplayHistories({ workflowBundle: { code } }, histories)) {
      return error === undefined ? null : error.message;
    }
    return 'the history has no events';
  };
}
