import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { BareActivities, BareRunInput } from './contract.ts';

/** The same event count as the research run, so that both replay and cache alike. */
const continueAtEvents = 690;

function pool(input: BareRunInput, name: 'model' | 'tools'): BareActivities {
  return proxyActivities<BareActivities>({
    taskQueue: `${input.queuePrefix}${name}`,
    startToCloseTimeout: '20 minutes',
    scheduleToCloseTimeout: '24 hours',
    heartbeatTimeout: '25 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' },
  });
}

/** A model call and its tool call in turn, until the model ends; then the final answer. */
export async function bareRun(input: BareRunInput): Promise<number> {
  const { runId } = input;
  const [model, tools] = [pool(input, 'model'), pool(input, 'tools')];
  for (let { turn } = input; ; turn += 1) {
    if (workflowInfo().historyLength >= continueAtEvents) await continueAsNew<typeof bareRun>({ ...input, turn });
    const receipt = turn < input.maxTurns ? await model.callModel({ runId, turn, final: false }) : null;
    if (receipt === null || receipt.calls.length === 0) {
      await model.callModel({ runId, turn: receipt === null ? turn : turn + 1, final: true });
      return turn;
    }
    await tools.callTool({ runId, turn, final: false });
  }
}
