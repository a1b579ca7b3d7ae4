import { lookup as systemLookup } from 'node:dns/promises';
import type { Readable } from 'node:stream';

import {
  type AddressGuard,
  createAddressGuard,
  createTableLookup,
  type LookupAll,
} from '../../activities/web/adapters/address-guard.ts';
import { AppError } from '../../domain/errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Options of `guard-check`. */
export interface GuardCheckOptions {
  /** `host=ip[,ip...]`; with any of them no name is asked of a resolver. */
  readonly resolve: readonly string[];
  /** Ports beside 80 and 443. */
  readonly port: readonly number[];
  /** Each line is a tab-separated chain of redirects. */
  readonly redirectChain: boolean;
}

/** More redirects than this are never followed, so a longer chain is none. */
const maxHops = 20;
/** Lines judged at once when names go to a resolver. */
const concurrency = 16;
const lookupTimeoutMs = 10_000;

/**
 * Judges URLs as the tools' guard would, and connects to nothing: one URL a line in, one JSON object a line out, in the same order.
 *
 * *Contract:* whatever the lines hold, the exit code is 0.
 *
 * @throws AppError `Config.Invalid` when an option cannot be used
 */
export async function guardCheck(
  input: Readable,
  print: (line: string) => void,
  options: GuardCheckOptions,
): Promise<number> {
  const guard = createAddressGuard({
    ports: [80, 443, ...options.port],
    lookup: options.resolve.length === 0 ? createPatientLookup() : createTableLookup(toTable(options.resolve)),
  });
  const judge = options.redirectChain ? judgeChain : judgeLine;
  let waiting: Promise<string>[] = [];
  const flush = async (): Promise<void> => {
    for (const line of await Promise.all(waiting)) print(line);
    waiting = [];
  };
  for await (const line of toLines(input)) {
    if (/^\p{White_Space}*$/u.test(line)) continue;
    waiting.push(judge(guard, line).then((judged) => JSON.stringify(judged)));
    if (waiting.length >= concurrency) await flush();
  }
  await flush();
  return exitCodes.ok;
}

interface JudgedLine {
  readonly url: string;
  readonly allowed: boolean;
  readonly reason: string;
  readonly addresses: readonly string[];
  readonly hop?: number;
}

async function judgeLine(guard: AddressGuard, line: string): Promise<JudgedLine> {
  const { allowed, reason, addresses } = await guard.check(line);
  return { url: line, allowed, reason, addresses };
}

async function judgeChain(guard: AddressGuard, line: string): Promise<JudgedLine> {
  let base: URL | undefined;
  let addresses: readonly string[] = [];
  for (const [hop, text] of line.split('\t').entries()) {
    if (hop >= maxHops) return { url: line, allowed: false, reason: 'parse', addresses, hop };
    const judged = await guard.check(text, base);
    ({ addresses } = judged);
    if (!judged.allowed) return { url: line, allowed: false, reason: judged.reason, addresses, hop };
    base = judged.url ?? undefined;
  }
  return { url: line, allowed: true, reason: 'ok', addresses };
}

/** The system's resolver, asked once a name and given up on after a while: a name without an answer is not resolved. */
function createPatientLookup(): LookupAll {
  const asked = new Map<string, ReturnType<LookupAll>>();
  return (hostname) => {
    const known = asked.get(hostname);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<readonly { readonly address: string }[]>();
    const timer = setTimeout(() => resolve([]), lookupTimeoutMs);
    systemLookup(hostname, { all: true, order: 'verbatim' })
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
    asked.set(hostname, promise);
    return promise;
  };
}

/** Lines end at LF alone; what is no UTF-8 becomes U+FFFD. A line may be as long as memory holds. */
async function* toLines(input: Readable): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  for await (const chunk of toBuffers(input)) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  if (pending.length > 0) yield Buffer.concat(pending).toString('utf8');
}

/** A byte stream without an encoding yields buffers; the types of streams cannot say so. */
function toBuffers(input: Readable): AsyncIterable<Buffer> {
  return input;
}

/** Several entries of one name add up. */
function toTable(entries: readonly string[]): Map<string, readonly string[]> {
  const table = new Map<string, readonly string[]>();
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at < 1) {
      throw new AppError('Config.Invalid', {
        field: '--resolve',
        what: 'an entry of --resolve is not host=ip[,ip...]',
        mend: 'Write entries such as --resolve example.org=93.184.215.14,2606:4700::1111.',
      });
    }
    const host = entry.slice(0, at).trim().toLowerCase();
    const addresses = entry
      .slice(at + 1)
      .split(',')
      .map((address) => address.trim());
    table.set(host, [...(table.get(host) ?? []), ...addresses.filter((address) => address !== '')]);
  }
  return table;
}
