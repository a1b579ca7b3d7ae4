import type { Message } from '../../domain/dialects/dialect.ts';
import type { Profile } from '../../domain/profile.ts';
import type { TokenUsage } from '../../domain/usage.ts';

/** A chat completion as it is asked for. */
export interface ChatRequest {
  readonly model: Profile['model'];
  readonly messages: readonly Message[];
  /** Names the step to the server (`Idempotency-Key`). */
  readonly stepKey: string;
  /** Keeps a run on the replica that holds its prefix. */
  readonly sessionId: string;
  /** To be called just before the request leaves; what it throws is thrown on. */
  readonly begin: () => void;
  /** Caches of tenants are kept apart. */
  readonly tenant: string;
  /** The replica that answered the run's last call, from its record; null when there is none. */
  readonly home: string | null;
  /** Of the step's task, 1 (first) to 5. */
  readonly priorityKey: number;
  /** True when the run is expected to make no further call. */
  readonly isLast: boolean;
}

/** A whole chat completion. */
export interface ChatReply {
  /** What the model wrote, its thoughts included: those that a server splits off are put back in front, as `<think>`. */
  readonly text: string;
  /** Null: nothing is kept apart from `text`. */
  readonly reasoning: string | null;
  readonly finish: 'stop' | 'length';
  /** Null when the server reported none. */
  readonly usage: TokenUsage | null;
  /** Name of the model that answered. */
  readonly model: string;
  /** The replica that answered; null outside a pool. */
  readonly replica: string | null;
}

/** A model server. Throws the `Model.*` failures; a stream that ends early is `Model.StreamCut`, never a reply. */
export interface ChatPort {
  readonly complete: (request: ChatRequest, signal: AbortSignal) => Promise<ChatReply>;
}
