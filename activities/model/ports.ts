import type { Message } from '../../domain/dialects/dialect.ts';
import type { Profile } from '../../domain/profile.ts';
import type { TokenUsage } from '../../domain/usage.ts';

/** A chat completion as it is asked for. */
export interface ChatRequest {
  readonly model: Profile['model'];
  readonly messages: readonly Message[];
  /** Names the step to the server (`Idempotency-Key`). */
  readonly stepKey: string;
  /** Keeps a run on the replica that holds its prefix (`x-upstream-session-id`). */
  readonly sessionId: string;
  /** To be called just before the request leaves; what it throws is thrown on. */
  readonly begin: () => void;
}

/** A whole chat completion. */
export interface ChatReply {
  readonly text: string;
  /** What a reasoning parser of the server split off; null when nothing. */
  readonly reasoning: string | null;
  readonly finish: 'stop' | 'length';
  /** Null when the server reported none. */
  readonly usage: TokenUsage | null;
  /** Name of the model that answered. */
  readonly model: string;
}

/** A model server. Throws the `Model.*` failures; a stream that ends early is `Model.StreamCut`, never a reply. */
export interface ChatPort {
  readonly complete: (request: ChatRequest, signal: AbortSignal) => Promise<ChatReply>;
}
