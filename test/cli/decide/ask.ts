import { z } from 'zod';
import { decide } from '../../../cli/commands/decide.ts';
import { parseStrictJson } from '../../../domain/agent/arguments/strict-json.ts';
import type { JsonValue } from '../../../domain/agent/arguments/json-value.ts';

/** An answer of `decide`. */
export interface Answer {
  readonly id: string | null;
  readonly output?: JsonValue;
  readonly error?: { readonly type: string; readonly message: string };
}

const answerSchema = z.object({
  id: z.string().nullable(),
  output: z.custom<JsonValue>(() => true).optional(),
  error: z.object({ type: z.string(), message: z.string() }).optional(),
});

/** What is asked: a function under a profile. */
export interface Asked {
  readonly profile: string;
  readonly function: string;
}

/** Feeds bytes to the command and gives what it printed, line by line. */
export async function feed(asked: Asked, chunks: Iterable<Uint8Array>): Promise<string[]> {
  const printed: string[] = [];
  // The command takes bytes as they come.
  async function* toStream() {
    yield* chunks;
  }
  await decide(asked, {
    input: toStream(),
    write: async (text) => void printed.push(text),
  });
  return printed.join('').split('\n').slice(0, -1);
}

/** Asks for decisions about inputs, in order. */
export async function ask(asked: Asked, inputs: readonly unknown[]): Promise<Answer[]> {
  const lines = inputs.map((input, index) => `${JSON.stringify({ id: String(index), input })}\n`);
  const printed = await feed(asked, [Buffer.from(lines.join(''))]);
  return printed.map((line) => {
    const read = parseStrictJson(line);
    const { id, output, error } = answerSchema.parse(read.ok ? read.value : null);
    return { id, ...(output === undefined ? {} : { output }), ...(error === undefined ? {} : { error }) };
  });
}
