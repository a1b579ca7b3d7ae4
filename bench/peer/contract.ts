/** One run of the bare peer. */
export interface BareRunInput {
  readonly runId: string;
  readonly queuePrefix: string;
  /** The turn to begin with: 0, or where the last execution stopped. */
  readonly turn: number;
  /** Where it ends when the model has not ended it before. */
  readonly maxTurns: number;
}

/** Name under which the peer's workflow is registered. */
export const bareRunType = 'bareRun';

/** A call of the peer, by reference. */
export interface BareStep {
  readonly runId: string;
  readonly turn: number;
  /** Is it the request for the final answer? */
  readonly final: boolean;
}

/** What a call leaves in history: of the same size as a receipt of ours. */
export interface BareModelReceipt {
  readonly recordDigest: string;
  readonly contentTokens: number;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number; readonly cachedTokens: number };
  readonly costMicroUsd: null;
  readonly stop: 'calls' | 'end';
  readonly calls: readonly { readonly tool: string; readonly pool: string; readonly callIndex: number }[];
  readonly boxed: boolean;
  readonly preview: string;
}

export type BareToolReceipt = Omit<BareModelReceipt, 'stop' | 'calls' | 'boxed'> & { readonly status: 'ok' };

/** The two activities: the same requests as ours, nothing written. */
export interface BareActivities {
  readonly callModel: (step: BareStep) => Promise<BareModelReceipt>;
  readonly callTool: (step: BareStep) => Promise<BareToolReceipt>;
}
