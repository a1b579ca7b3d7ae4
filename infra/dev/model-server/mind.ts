import type { ChatRequest } from './chat-request.ts';

/** A call in the native dialect. */
export interface NativeCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** What goes wrong instead of, or in the middle of, a reply. */
export type Fault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  /** The connection ends after this many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Nothing is sent until the client goes. */
  | { readonly kind: 'hang' };

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** One reply as it is delivered. */
export interface ModelReply {
  readonly text: string;
  readonly toolCalls: readonly NativeCall[];
  readonly finishReason: FinishReason;
  readonly delayMs: number;
  readonly chunkChars: number;
  readonly chunkIntervalMs: number;
  readonly fault: Fault | null;
  /** Counts that replace the estimates. */
  readonly usage: {
    readonly promptTokens?: number | undefined;
    readonly completionTokens?: number | undefined;
    readonly cachedTokens?: number | undefined;
  };
}

/**
 * What answers a request.
 *
 * *Contract:* the text of a reply depends on the request alone, so that a repeated request gets the same one. Only faults are
 * counted.
 */
export interface ModelMind {
  /** Names under `/v1/models`; the first one answers for every model name. */
  readonly modelName: string;
  readonly reply: (request: ChatRequest) => ModelReply;
}

/** A plain reply: the text at once, in chunks without pause. */
export function plainReply(text: string): ModelReply {
  return {
    text,
    toolCalls: [],
    finishReason: 'stop',
    delayMs: 0,
    chunkChars: 400,
    chunkIntervalMs: 0,
    fault: null,
    usage: {},
  };
}

/** A call to a tool of an MCP server. */
export interface McpCall {
  readonly server: string;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** The call as the MCP-XML dialect writes it. Source: MiroThinker protocol §3.1. */
export function renderMcpCall(call: McpCall): string {
  return [
    '<use_mcp_tool>',
    `<server_name>${call.server}</server_name>`,
    `<tool_name>${call.tool}</tool_name>`,
    '<arguments>',
    JSON.stringify(call.arguments),
    '</arguments>',
    '</use_mcp_tool>',
  ].join('\n');
}
