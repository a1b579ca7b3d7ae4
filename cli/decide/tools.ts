import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue, memberOf } from '../../domain/agent/arguments/json-value.ts';
import { isBlockedUrl } from '../../domain/agent/blocked-url.ts';
import { decodeUrls } from '../../domain/agent/decode-urls.ts';
import { toDedupKey } from '../../domain/agent/dedup-key.ts';
import { cutSandboxText, formatObservation, joinObservations } from '../../domain/agent/observation.ts';
import { sendsTurnBack } from '../../domain/agent/rollback-result.ts';
import type { AgentRules } from '../../domain/agent/rules.ts';
import { nextSearchStep, type ProviderReply } from '../../domain/agent/search-result.ts';
import { countCodePoints, lastCodePoints } from '../../domain/agent/text/code-points.ts';
import { type Decision, defineDecision, defineLaterDecision, jsonValueSchema } from './decision.ts';
import { noOutputNotice } from './placeholders.ts';

/** Longest content that is written out. */
const maxShownChars = 3_000;
const tailChars = 60;

const callSchema = z.object({ tool: z.string(), arguments: jsonValueSchema });
const objectSchema = z.custom<JsonObject>((value) => isJsonObject(value));

const resultSchema = z.object({
  server: z.string(),
  tool: z.string(),
  result: jsonValueSchema.optional(),
  error: z.string().optional(),
  pad: z.int().min(0).optional(),
});

function findFirst(rules: AgentRules, calls: readonly z.infer<typeof callSchema>[]): (number | null)[] {
  const seen = new Map<string, number>();
  return calls.map((call, index) => {
    const key = toDedupKey(rules, call.tool, call.arguments);
    if (key === null) return null;
    const first = seen.get(key) ?? index;
    seen.set(key, first);
    return first;
  });
}

function toContent(content: string): object {
  const codePoints = countCodePoints(content);
  if (codePoints <= maxShownChars) return { content };
  return { codePoints, sha256: createHash('sha256').update(content, 'utf8').digest('hex') };
}

function pad({ result, pad: times, ...rest }: z.infer<typeof resultSchema>) {
  return { ...rest, result: typeof result === 'string' && times !== undefined ? result.repeat(times) : result };
}

function toProviderReply(reply: JsonObject): ProviderReply {
  const failure = memberOf(reply, '$fail');
  return typeof failure === 'string' ? { failure } : { body: reply };
}

function search(rules: AgentRules, args: JsonObject, responses: readonly JsonObject[]) {
  const requests: JsonValue[] = [];
  const replies: ProviderReply[] = [];
  for (;;) {
    const step = nextSearchStep(rules, args, replies);
    if (step.type === 'done') return { result: step.result, requests };
    requests.push(step.payload);
    const reply = responses[Math.min(replies.length, responses.length - 1)];
    replies.push(reply === undefined ? { failure: 'no reply' } : toProviderReply(reply));
  }
}

/** Decisions about tools and what they give. */
export const decisions: Readonly<Record<string, Decision>> = {
  'dedup-key': defineDecision(z.object({ calls: z.array(callSchema) }), ({ rules }, { calls }) => ({
    first: findFirst(rules, calls),
  })),
  'rollback-result': defineLaterDecision(
    z.object({ tool: z.string(), result: jsonValueSchema.optional(), error: z.string().optional() }),
    (_, { tool, result, error }) => ({ rollback: sendsTurnBack(tool, { result, error }) }),
  ),
  observation: defineDecision(z.object({ results: z.array(resultSchema) }), (_, { results }) =>
    toContent(joinObservations(results.map((result) => formatObservation(pad(result), noOutputNotice)))),
  ),
  'sandbox-text': defineDecision(z.object({ unit: z.string(), count: z.int().min(0) }), (_, { unit, count }) => {
    const text = cutSandboxText(unit.repeat(count));
    return { codePoints: countCodePoints(text), tail: lastCodePoints(text, tailChars) };
  }),
  'blocked-url': defineDecision(
    z.object({
      url: z.string().nullable(),
      where: z.enum(['search', 'scrape_and_extract_info', 'scrape', 'scrape_website']),
    }),
    ({ rules }, { url, where }) => ({ blocked: isBlockedUrl(rules, url, where) }),
  ),
  'decode-urls': defineDecision(z.object({ value: jsonValueSchema }), ({ rules }, { value }) => ({
    value: decodeUrls(rules, value),
  })),
  'search-result': defineDecision(
    z.object({ arguments: objectSchema, responses: z.array(objectSchema) }),
    ({ rules }, { arguments: args, responses }) => search(rules, args, responses),
  ),
};
