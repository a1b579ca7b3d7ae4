import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelReply, NativeCall } from './mind.ts';
import type { Usage } from './usage.ts';

/** How a reply goes out. */
export interface Delivery {
  readonly response: ServerResponse;
  readonly reply: ModelReply;
  readonly usage: Usage;
  /** Id of the completion, and the model's name. */
  readonly id: string;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Aborts when the client goes. */
  readonly signal: AbortSignal;
}

/** Source of `created`: fixed, so that equal requests get equal bytes. */
const createdSeconds = 1_760_000_000;

function usageJson(usage: Usage): object {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
}

function callJson(call: NativeCall): object {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

/** Writes until the cut, if there is one; false when the connection was cut. */
function createWriter(response: ServerResponse, cutAfterBytes: number | null) {
  let left = cutAfterBytes ?? Number.POSITIVE_INFINITY;
  return async (text: string): Promise<boolean> => {
    const bytes = Buffer.from(text);
    const kept = bytes.subarray(0, left);
    left -= kept.length;
    if (kept.length > 0) {
      await new Promise<void>((resolve) => response.write(kept, () => resolve()));
    }
    if (left > 0) return true;
    response.destroy();
    return false;
  };
}

function* streamChunks(delivery: Delivery): Generator<object> {
  const { reply, id, model } = delivery;
  const head = { id, object: 'chat.completion.chunk', created: createdSeconds, model };
  const usage = delivery.includeUsage ? { usage: null } : {};
  const chunk = (delta: object, reason: string | null): object => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: reason }],
    ...usage,
  });
  yield chunk({ role: 'assistant', content: '' }, null);
  const characters = Array.from(reply.text);
  for (let index = 0; index < characters.length; index += reply.chunkChars) {
    yield chunk({ content: characters.slice(index, index + reply.chunkChars).join('') }, null);
  }
  for (const [index, call] of reply.toolCalls.entries()) {
    yield chunk({ tool_calls: [{ index, ...callJson(call) }] }, null);
  }
  yield chunk({}, reply.finishReason);
  if (delivery.includeUsage) yield { ...head, choices: [], usage: usageJson(delivery.usage) };
}

function wholeBody(delivery: Delivery): object {
  const { reply } = delivery;
  const calls = reply.toolCalls.length === 0 ? {} : { tool_calls: reply.toolCalls.map(callJson) };
  return {
    id: delivery.id,
    object: 'chat.completion',
    created: createdSeconds,
    model: delivery.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: reply.text, ...calls },
        finish_reason: reply.finishReason,
      },
    ],
    usage: usageJson(delivery.usage),
  };
}

async function deliverStream(
  delivery: Delivery,
  write: (text: string) => Promise<boolean>,
): Promise<'complete' | 'cut'> {
  const { response, reply, signal } = delivery;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  for (const chunk of streamChunks(delivery)) {
    if (reply.chunkIntervalMs > 0) await sleep(reply.chunkIntervalMs, undefined, { signal });
    signal.throwIfAborted();
    if (!(await write(`data: ${JSON.stringify(chunk)}\n\n`))) return 'cut';
  }
  if (!(await write('data: [DONE]\n\n'))) return 'cut';
  await finish(response);
  signal.throwIfAborted();
  return 'complete';
}

async function deliverWhole(
  delivery: Delivery,
  write: (text: string) => Promise<boolean>,
): Promise<'complete' | 'cut'> {
  const body = JSON.stringify(wholeBody(delivery));
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  delivery.response.writeHead(200, headers);
  if (!(await write(body))) return 'cut';
  await finish(delivery.response);
  delivery.signal.throwIfAborted();
  return 'complete';
}

/** Ends the answer, and waits until it is out or the client is gone. */
async function finish(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once('finish', () => resolve());
    response.once('close', () => resolve());
    response.end();
  });
}

async function hang(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Sends the reply, with its faults. Rejects with an abort error when the client goes away. */
export async function deliver(delivery: Delivery): Promise<{ status: number; outcome: 'complete' | 'cut' }> {
  const { response, reply, signal } = delivery;
  const { fault } = reply;
  if (reply.delayMs > 0) await sleep(reply.delayMs, undefined, { signal });
  if (fault?.kind === 'hang') {
    await hang(signal);
    signal.throwIfAborted();
  }
  if (fault?.kind === 'status') {
    response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
    response.write(fault.body);
    await finish(response);
    return { status: fault.status, outcome: 'complete' };
  }
  const write = createWriter(response, fault?.kind === 'cut' ? fault.afterBytes : null);
  const outcome = delivery.stream ? await deliverStream(delivery, write) : await deliverWhole(delivery, write);
  return { status: 200, outcome };
}
