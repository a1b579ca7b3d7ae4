import { z } from 'zod';

/**
 * How far a run's web tools may reach, beside the rules on addresses.
 *
 * `open`: any public address. `provenance`: only addresses that came from the task, a search or a fetched page, within budgets. `offline`:
 * none; the corpus and what is recorded only.
 *
 * *Source:* a hijacked model is assumed; with private data in its context every request that it shapes is a way out.
 */
export const egressPolicySchema = z.enum(['open', 'provenance', 'offline']);
export type EgressPolicy = z.infer<typeof egressPolicySchema>;

/** Pages of one host that a run may read under `provenance`. */
export const maxPagesPerHost = 30;
/** Bits that a run may spell by choosing among addresses that it was offered. */
export const maxChoiceBits = 64;

/** What a run has seen and done so far; pure, so it can be rebuilt from the records. */
export interface EgressLedger {
  /** Every address that the run was offered, in one spelling. */
  readonly offered: ReadonlySet<string>;
  /** Requests so far by host. */
  readonly pagesByHost: ReadonlyMap<string, number>;
  readonly choiceBits: number;
}

/** A ledger of nothing. */
export const emptyLedger: EgressLedger = { offered: new Set(), pagesByHost: new Map(), choiceBits: 0 };

/** Why a request is not made. */
export type EgressRefusal = 'offline' | 'unseen' | 'host-budget' | 'choice-budget';

/** May the run ask for this address? `headers` tells whether the model set any. */
export type EgressVerdict =
  | { readonly allowed: true; readonly sendsHeaders: boolean; readonly ledger: EgressLedger }
  | { readonly allowed: false; readonly reason: EgressRefusal };

/**
 * Judges one request of the model. Pure; the returned ledger has the request in it.
 *
 * Under `provenance` the model's headers are not sent: they would carry what it likes to a host that it may reach.
 */
export function judgeEgress(policy: EgressPolicy, url: string, ledger: EgressLedger): EgressVerdict {
  if (policy === 'offline') return { allowed: false, reason: 'offline' };
  if (policy === 'open') return { allowed: true, sendsHeaders: true, ledger };
  const key = toEgressKey(url);
  if (key === null || !ledger.offered.has(key)) return { allowed: false, reason: 'unseen' };
  const host = new URL(key).host;
  const pages = (ledger.pagesByHost.get(host) ?? 0) + 1;
  if (pages > maxPagesPerHost) return { allowed: false, reason: 'host-budget' };
  const choiceBits = ledger.choiceBits + Math.log2(ledger.offered.size);
  if (choiceBits > maxChoiceBits) return { allowed: false, reason: 'choice-budget' };
  const pagesByHost = new Map(ledger.pagesByHost).set(host, pages);
  return { allowed: true, sendsHeaders: false, ledger: { ...ledger, pagesByHost, choiceBits } };
}

/** A ledger that also knows these addresses: of the task, of search results, of links on fetched pages. */
export function offer(ledger: EgressLedger, urls: Iterable<string>): EgressLedger {
  const offered = new Set(ledger.offered);
  for (const url of urls) {
    const key = toEgressKey(url);
    if (key !== null) offered.add(key);
  }
  return { ...ledger, offered };
}

/** One spelling of an address: as the URL standard writes it, without its fragment, which is never sent. Null for what is no web address. */
function toEgressKey(url: string): string | null {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return null;
  parsed.hash = '';
  return parsed.href;
}

/** The addresses that a text names, as a reader of it would take them. Linear in its length. */
export function findAddresses(text: string): string[] {
  return [...text.matchAll(/https?:\/\/[^\s"'<>\\^`{|}]{1,2048}/gi)].map(([url]) => url.replace(/[.,;:!?)\]]+$/, ''));
}
