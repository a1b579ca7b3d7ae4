import { isFalsy, isJsonObject, type JsonObject, type JsonValue, memberOf } from './arguments/json-value.ts';
import { isBlockedUrl } from './blocked-url.ts';
import { decodeUrls } from './decode-urls.ts';
import type { AgentRules } from './rules.ts';
import { trimPython } from './text/python-space.ts';

type SearchRules = Pick<AgentRules, 'urlDecoding' | 'bannedLinks' | 'bansOtherSpellings'>;

/** What the search provider answered: its JSON, or that the request failed for good. */
export type ProviderReply = { readonly body: JsonValue } | { readonly failure: string };

/** What a search does next: one more request to the provider, or it is done. */
export type SearchStep =
  | { readonly type: 'request'; readonly payload: JsonObject }
  | { readonly type: 'done'; readonly result: JsonObject };

const fail = (error: string): SearchStep => ({ type: 'done', result: { success: false, error, results: [] } });

const isGiven = (value: JsonValue | undefined): value is JsonValue => value !== undefined && value !== null;

function toPayload(args: JsonObject, query: string): JsonObject {
  const { gl = 'us', hl = 'en', location, num, tbs, page, autocorrect } = args;
  return {
    q: query,
    gl,
    hl,
    ...(isGiven(location) && !isFalsy(location) ? { location } : {}),
    num: isGiven(num) ? num : 10,
    ...(isGiven(tbs) && !isFalsy(tbs) ? { tbs } : {}),
    ...(isGiven(page) ? { page } : {}),
    ...(isGiven(autocorrect) ? { autocorrect } : {}),
  };
}

/** The query without the white space around it; empty when there is none. */
function toQuery({ q }: JsonObject): string {
  return typeof q === 'string' ? trimPython(q) : '';
}

/** May a hit be shown? Null when its form is one that no provider sends. */
function judgeHit(rules: SearchRules, hit: JsonValue): boolean | null {
  if (!isJsonObject(hit)) return null;
  const link = memberOf(hit, 'link');
  if (typeof link === 'string') return !isBlockedUrl(rules, link, 'search');
  return isFalsy(link) || Array.isArray(link) || isJsonObject(link) ? true : null;
}

/** The hits that may be shown, or null when the provider's reply has another form. */
function readHits(rules: SearchRules, body: JsonValue): readonly JsonValue[] | null {
  if (!isJsonObject(body)) return null;
  const organic = memberOf(body, 'organic') ?? (Object.hasOwn(body, 'organic') ? null : []);
  if (organic === '' || (isJsonObject(organic) && isFalsy(organic))) return [];
  if (!Array.isArray(organic)) return null;
  const hits: readonly JsonValue[] = organic;
  const verdicts = hits.map((hit) => judgeHit(rules, hit));
  return verdicts.includes(null) ? null : hits.filter((_, index) => verdicts[index] === true);
}

/**
 * `google_search` around its provider, one step at a time: given the replies so far, the next request or the result.
 *
 * An empty answer to a query with quotes is asked for once more without them. Source: MiroThinker protocol §6.1.
 *
 * *Contract:* pure, never throws; at most two requests.
 */
export function nextSearchStep(rules: SearchRules, args: JsonObject, replies: readonly ProviderReply[]): SearchStep {
  const query = toQuery(args);
  if (query === '') return fail('the search query is missing or blank');
  const reply = replies.at(-1);
  if (reply === undefined) return { type: 'request', payload: toPayload(args, query) };
  if ('failure' in reply) return fail(`the search failed: ${reply.failure}`);
  const hits = readHits(rules, reply.body);
  if (hits === null) return fail('the search provider answered in another form');
  const unquoted = trimPython(query.replaceAll('"', ''));
  if (hits.length === 0 && replies.length === 1 && query.includes('"') && unquoted !== '') {
    return { type: 'request', payload: toPayload(args, unquoted) };
  }
  const found = isJsonObject(reply.body) ? memberOf(reply.body, 'searchParameters') : undefined;
  const parameters = found === undefined ? {} : found;
  const result = decodeUrls(rules, { organic: hits, searchParameters: parameters });
  return { type: 'done', result: isJsonObject(result) ? result : {} };
}
