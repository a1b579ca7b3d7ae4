import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import { type ToolDefinition, toolDefinitionSchema } from '../../../domain/tools.ts';
import type { ToolHandler } from '../../steps/tool-step.ts';

/** A tool that the operator configured: where its receiver listens, and what the model is told. */
export const httpToolSchema = toolDefinitionSchema.omit({ pool: true }).extend({
  /** The receiver: POST with `{arguments}`, answers `{content}` or `{error}`. */
  url: z.url({ protocol: /^https?$/ }),
  timeoutMs: z.int().min(100).max(1_200_000).default(120_000),
});
export type HttpTool = z.infer<typeof httpToolSchema>;

const answerSchema = z.union([z.looseObject({ content: z.string() }), z.looseObject({ error: z.string() })]);

/** Largest answer in bytes. */
const maxAnswerBytes = 8 * 1024 * 1024;

/** The tool as a run knows it. */
export function toToolDefinition(tool: HttpTool): ToolDefinition {
  const { server, name, description, inputSchema, effect } = tool;
  return { server, name, description, inputSchema, effect, pool: 'tools' };
}

/** A handler that passes a call to the operator's receiver, with the step's key so that the receiver can deduplicate. */
export function createHttpTool(tool: HttpTool): ToolHandler {
  return async (args, context) => {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(tool.timeoutMs)]);
    let response: Response;
    let body: string;
    try {
      context.begin();
      response = await fetch(tool.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': context.stepKey },
        body: JSON.stringify({ arguments: args }),
        redirect: 'error',
        signal,
      });
      body = await readBounded(response);
    } catch (error) {
      throw context.signal.aborted ? error : toToolFailure(tool, error);
    }
    if (response.status === 429) throw new AppError('Tool.RateLimited', { what: `${tool.name} answered 429` });
    if (response.status >= 500)
      throw new AppError('Tool.Unavailable', { what: `${tool.name} answered ${response.status}` });
    return { text: readAnswer(tool, response.status, body) };
  };
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes)
      throw new AppError('Tool.Failed', { what: `the answer is larger than ${maxAnswerBytes} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function readAnswer(tool: HttpTool, status: number, body: string): string {
  let answer: z.infer<typeof answerSchema>;
  try {
    answer = answerSchema.parse(JSON.parse(body));
  } catch (cause) {
    throw new AppError('Tool.Failed', {
      what: `${tool.name} answered ${status} with something else than {content} or {error}`,
      cause,
    });
  }
  // The union's loose members leave `content` unknown on the error member.
  if ('content' in answer && typeof answer.content === 'string' && status < 400) return answer.content;
  throw new AppError('Tool.Failed', {
    what: 'error' in answer ? String(answer.error).slice(0, 1_000) : `${tool.name} answered ${status}`,
  });
}

function toToolFailure(tool: HttpTool, error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new AppError('Tool.Timeout', { what: `${tool.name} did not answer within ${tool.timeoutMs / 1_000} s` });
  }
  return new AppError('Tool.Unavailable', {
    what: `${tool.name} cannot be reached`,
    unsent: isUnsent(error),
    cause: error,
  });
}

/** No connection was made, so nothing was sent. */
const connectCodes: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

function isUnsent(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return typeof cause === 'object' && cause !== null && 'code' in cause && connectCodes.has(cause.code);
}
