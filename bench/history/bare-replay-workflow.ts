import { proxyActivities } from '@temporalio/workflow';

interface TwoActivities {
  readonly model: (turn: number) => Promise<string>;
  readonly tool: (turn: number) => Promise<string>;
}

/** What the hand-built history is a history of: two activities a turn, and nothing else. */
export async function bareLoop(turns: number): Promise<void> {
  const { model, tool } = proxyActivities<TwoActivities>({ startToCloseTimeout: '1 minute' });
  for (let turn = 0; turn < turns; turn += 1) {
    await model(turn);
    await tool(turn);
  }
}
