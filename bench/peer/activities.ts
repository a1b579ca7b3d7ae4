import type { OpenAI } from 'openai';
import { z } from 'zod';
import type { BareActivities, BareModelReceipt } from './contract.ts';
import type { Conversation } from './conversation.ts';

const contentSchema = z.object({ content: z.string() });
/** As long as a receipt's: the digest of a record, and the beginning of a text. */
const digest = '0'.repeat(64);
const previewChars = 71;

function toPreview(content: string): string {
  return `${content.slice(0, previewChars)}…`;
}

/** The peer's activities: one request each, nothing recorded. */
export function createBareActivities(ports: {
  readonly client: OpenAI;
  readonly toolUrl: string;
  readonly conversation: Conversation;
}): BareActivities {
  return {
    callModel: async ({ runId, turn, final }) => {
      const body = ports.conversation.bodyOf({ turn, final });
      const headers = { 'Idempotency-Key': digest, 'x-upstream-session-id': runId };
      const stream = await ports.client.chat.completions.create(body, { headers });
      let content = '';
      let usage: BareModelReceipt['usage'] = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
      for await (const chunk of stream) {
        content += chunk.choices[0]?.delta.content ?? '';
        if (chunk.usage) {
          const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = chunk.usage;
          usage = { inputTokens, outputTokens, cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0 };
        }
      }
      const asksForTool = !final && content.includes('<use_mcp_tool>');
      return {
        recordDigest: digest,
        contentTokens: usage.outputTokens,
        usage,
        costMicroUsd: null,
        stop: asksForTool ? 'calls' : 'end',
        calls: asksForTool ? [{ tool: 'bench', pool: 'tools', callIndex: 0 }] : [],
        boxed: final,
        preview: toPreview(content),
      };
    },
    callTool: async ({ turn }) => {
      const response = await fetch(ports.toolUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': digest },
        body: JSON.stringify({ arguments: { i: turn } }),
      });
      const { content } = contentSchema.parse(await response.json());
      return {
        recordDigest: digest,
        contentTokens: Math.ceil(content.length / 4),
        usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
        costMicroUsd: null,
        status: 'ok',
        preview: toPreview(content),
      };
    },
  };
}
