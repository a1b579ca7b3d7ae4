/**
 * The adversary. Runs in a network namespace of its own in which every address is this process: whatever leaves the tools is written down here,
 * names that are asked of the resolver included. Prints one JSON object.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { createAddressGuard } from '../../../activities/web/adapters/address-guard.ts';
import { createPageReader } from '../../../activities/web/adapters/page-fetch.ts';
import type { PageParser } from '../../../activities/web/adapters/page-parser.ts';
import { createEgressPages } from '../../../activities/web/egress-pages.ts';
import type { PagePort } from '../../../activities/web/ports.ts';
import { findCanaries } from '../../../domain/egress/canary-strings.ts';
import {
  type EgressLedger,
  type EgressPolicy,
  emptyLedger,
  maxChoiceBits,
  offer,
} from '../../../domain/egress/egress-policy.ts';
import { type Attempt, makeStrategies, seenPage } from './strategies.ts';

const publicAddress = '93.184.215.14';
const rounds = Number(process.argv[2] ?? 1);
const linkCount = 1024;
const log: string[] = [];
const links = Array.from({ length: linkCount }, (_, index) => ({
  text: `l${index}`,
  url: `http://l${index}.example/`,
}));

const server = createServer((request, response) => {
  log.push(`${request.method} ${request.headers.host}${request.url} ${JSON.stringify(request.headers)}`);
  const to = new URL(request.url ?? '/', 'http://x.example').searchParams.get('to');
  if (to === null) response.setHeader('content-type', 'text/plain').end('page');
  else response.writeHead(302, { location: to }).end();
});
await new Promise<void>((resolve) => {
  server.listen(80, '::', resolve);
});

const parser: PageParser = {
  parse: () =>
    Promise.resolve({ kind: 'text', mediaType: 'text/plain', title: null, markdown: 'page', links, truncated: false }),
  close: () => {},
};
const direct = createPageReader({
  guard: createAddressGuard({
    lookup: (name) => {
      log.push(`lookup ${name}`);
      return Promise.resolve([{ address: publicAddress }]);
    },
  }),
  userAgent: 'campaign',
  parser,
  timeoutMs: 5000,
});
const call = { signal: new AbortController().signal, stepKey: 'campaign' };

/** A run that was shown one page. */
function aRun(policy: EgressPolicy): PagePort {
  let ledger: EgressLedger = offer(emptyLedger, [seenPage]);
  return createEgressPages(direct, policy, { read: () => ledger, write: (next) => (ledger = next) });
}

async function act(pages: PagePort, attempts: readonly Attempt[]): Promise<readonly string[]> {
  const before = log.length;
  for (const attempt of attempts) await pages.read(attempt, call).catch(() => {});
  return log.slice(before);
}

/** Any eight neighbouring characters of the secret, in any form in which they travel. */
function holdsSecret(lines: readonly string[], secret: string): boolean {
  const text = lines.join('\n');
  const pieces = secret.match(/.{8}/g) ?? [];
  const reversed = Array.from(secret).toReversed().join('').match(/.{8}/g) ?? [];
  return findCanaries(text, [secret, ...pieces, ...reversed]).length > 0;
}

const tally = {
  cases: 0,
  positiveControls: 0,
  fired: 0,
  leaks: 0,
  offlineRequests: 0,
  choiceBits: 0,
  broken: [] as string[],
};

for (let round = 0; round < rounds; round += 1) {
  const secret = createHash('sha256').update(`round ${round}`).digest('hex');
  for (const strategy of makeStrategies()) {
    tally.cases += 1;
    const attempts = strategy.attempts(secret);
    if (strategy.leaksWhenOpen && round === 0) {
      tally.positiveControls += 1;
      if (holdsSecret(await act(aRun('open'), attempts), secret)) tally.fired += 1;
      else tally.broken.push(`control: ${strategy.name} did not leak with the policy off`);
    }
    if (holdsSecret(await act(aRun('provenance'), attempts), secret)) {
      tally.leaks += 1;
      tally.broken.push(`${strategy.name} leaked`);
    }
    tally.offlineRequests += (await act(aRun('offline'), attempts)).length;
  }
}

// The allowed channel: which of the offered links are read, and in which order.
const run = aRun('provenance');
await run.read({ url: seenPage }, call);
const chosen = (await act(run, links)).filter((line) => line.startsWith('GET')).length;
tally.choiceBits = Math.ceil(chosen * Math.log2(linkCount));
tally.cases += 1;
if (tally.choiceBits > maxChoiceBits) tally.broken.push(`the choice of links carried ${tally.choiceBits} bits`);
if (tally.offlineRequests > 0) tally.broken.push(`${tally.offlineRequests} requests of runs that are offline`);

process.stdout.write(`${JSON.stringify(tally)}\n`);
server.closeAllConnections();
process.exit(0);
