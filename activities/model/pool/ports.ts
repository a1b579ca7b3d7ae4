import type { ServedModel } from '../../../domain/pool/pool-config.ts';
import type { Engine } from '../../../domain/pool/pool-config.ts';
import type { ServerLoad } from '../../../domain/pool/server-metrics.ts';
import type { ChatReply, ChatRequest } from '../ports.ts';

/** Where a replica is. */
export interface ReplicaAddress {
  /** Name in records, metrics and logs. */
  readonly id: string;
  /** Base URL as OpenAI clients take it, ending in `/v1`. */
  readonly url: string;
  readonly weight: number;
  /** Takes no new runs. */
  readonly drain: boolean;
}

/** Finds the replicas of a pool. */
export interface ReplicaDiscovery {
  /** The replicas as they are now. Rejects when they cannot be found out; those known before then stay. */
  readonly find: (signal: AbortSignal) => Promise<readonly ReplicaAddress[]>;
  /** Milliseconds between two looks; null: they never change. */
  readonly refreshMs: number | null;
}

/** What a server says of itself. */
export interface ServerFacts {
  /** Null when it is none of those that are known. */
  readonly engine: Engine | null;
  readonly version: string | null;
  /** Names under `/v1/models`. */
  readonly models: readonly { readonly id: string; readonly windowTokens: number | null }[];
  /** Conversations that llama.cpp holds at once; null elsewhere. */
  readonly slots: number | null;
}

/** How one call is made. */
export interface ServerCall {
  readonly signal: AbortSignal;
  /** The name that this server knows the model by. */
  readonly served: ServedModel | null;
  /** Called at every byte that arrives. */
  readonly onByte: () => void;
}

/** One replica, spoken to. */
export interface ModelServer {
  /** Throws the `Model.*` failures. */
  readonly complete: (request: ChatRequest, call: ServerCall) => Promise<ChatReply>;
  /** Does it answer its health check? Never rejects. */
  readonly probe: (signal: AbortSignal) => Promise<boolean>;
  /** Does it generate one token? Never rejects. */
  readonly tryOut: (signal: AbortSignal) => Promise<boolean>;
  /** Its metrics; null when it has none. Never rejects. */
  readonly readLoad: (signal: AbortSignal) => Promise<ServerLoad | null>;
  /** Rejects when it cannot be asked. */
  readonly describe: (signal: AbortSignal) => Promise<ServerFacts>;
}

/** Speaks to the server at an address. */
export type OpenServer = (address: ReplicaAddress) => ModelServer;
