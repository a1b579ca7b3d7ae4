import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { createPageParser, type PageParser } from '../../../activities/web/adapters/page-parser.ts';
import { AppError } from '../../../domain/errors.ts';
import { createRandom } from '../../support/random.ts';
import type { Campaign, CampaignContext, CampaignOptions, CampaignResult } from '../support/campaign.ts';
import { type Bait, type HostileDocument, many } from './hostile-document.ts';
import { hostileHtml } from './hostile-html.ts';
import { hostileOffice } from './hostile-office.ts';
import { hostilePdf } from './hostile-pdf.ts';
import { hostileArchives, hostileEncodings, hostileText } from './hostile-text.ts';

const families = [hostileHtml, hostilePdf, hostileOffice, hostileArchives, hostileText, hostileEncodings];
const secret = 'canary-5f2d9c1e7b';
/** A parent that stands still longer than this while a document is parsed is not protected from it. */
const maxStallMs = 1000;
const maxMarkdownBytes = 8_000_000;
const parserLimits = { deadlineMs: 4000 };

interface ParsersResult extends CampaignResult {
  readonly cases: number;
  readonly positiveControls: number;
  readonly canaryHits: number;
  readonly escapes: number;
  readonly workerDeaths: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly maxStallMs: number;
  readonly broken: readonly string[];
}

interface Tally {
  readonly outcomes: Record<string, number>;
  readonly broken: string[];
  escapes: number;
  deaths: number;
}

/**
 * Gives documents that were made to break a parser to the page parser, as the web workers have it, each followed now and then by an honest
 * page that must still be read. Nothing of a document may reach the network, a file, or the process that asked.
 */
export const runParsersCampaign: Campaign = async (context, options): Promise<ParsersResult> => {
  const { bait, hits, close } = await layBait(context.directory);
  const tally: Tally = { outcomes: {}, broken: [], escapes: 0, deaths: 0 };
  const onDeath = (): void => void (tally.deaths += 1);
  process.on('uncaughtException', onDeath);
  process.on('unhandledRejection', onDeath);
  const stall = monitorEventLoopDelay({ resolution: 10 });
  try {
    const controls = await runControls(context, bait, hits);
    const before = hits();
    const documents = makeDocuments(options, bait);
    context.report(`${documents.length} hostile documents; ${controls.fired} of ${controls.count} controls fired`);
    stall.enable();
    await runDocuments(context, documents, tally);
    stall.disable();
    const stalledMs = Math.round(stall.max / 1_000_000);
    if (stalledMs > maxStallMs) tally.broken.push(`the parent stood still for ${stalledMs} ms`);
    if (controls.fired !== controls.count) tally.broken.push('a control did not fire');
    const canaryHits = hits() - before;
    if (Object.hasOwn(Object.prototype, 'polluted')) tally.broken.push('the prototype of objects was changed');
    const violations = tally.broken.length + canaryHits + tally.escapes + tally.deaths;
    return {
      campaign: 'parsers',
      seed: options.seed,
      cases: documents.length,
      positiveControls: controls.count,
      fired: controls.fired,
      canaryHits,
      escapes: tally.escapes,
      workerDeaths: tally.deaths,
      outcomes: tally.outcomes,
      maxStallMs: stalledMs,
      broken: tally.broken.slice(0, 20),
      violations,
      ok: violations === 0,
    };
  } finally {
    process.off('uncaughtException', onDeath);
    process.off('unhandledRejection', onDeath);
    await close();
  }
};

interface LaidBait {
  readonly bait: Bait;
  readonly hits: () => number;
  readonly close: () => Promise<void>;
}

/** An address that counts who connects, and a file with a secret that nobody may read out. */
async function layBait(directory: string): Promise<LaidBait> {
  let hits = 0;
  const server = createServer((_request, response) => response.end('canary'));
  server.on('connection', () => (hits += 1));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP server');
  const file = join(directory, 'secret.txt');
  await writeFile(file, secret);
  return {
    bait: { url: `http://127.0.0.1:${address.port}`, file },
    hits: () => hits,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** That the bait can be reached, and that the documents do to an unguarded process what they are made for. */
async function runControls(
  context: CampaignContext,
  bait: Bait,
  hits: () => number,
): Promise<{ readonly count: number; readonly fired: number }> {
  const hungry = join(context.directory, 'hungry.html');
  const slow = join(context.directory, 'slow.html');
  await writeFile(hungry, many('<', 1_500_000));
  await writeFile(slow, `<a ${Array.from({ length: 150_000 }, (_, index) => `a${index}=1`).join(' ')}>x`);
  await (await fetch(bait.url)).text();
  const fired = [hits() > 0, readUnguarded(hungry) === null, (readUnguarded(slow) ?? 0) > maxStallMs].filter(
    Boolean,
  ).length;
  return { count: 3, fired };
}

/** How long an unguarded reader stood still, in milliseconds; null when it died. */
function readUnguarded(file: string): number | null {
  const script = fileURLToPath(new URL('./unguarded-child.ts', import.meta.url));
  const child = spawnSync(process.execPath, ['--no-warnings', '--max-old-space-size=384', script, file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return child.status === 0 ? Number(child.stdout) : null;
}

/** All families once; more rounds with other seeds for the long form; of what is asked for fewer, an even choice. */
function makeDocuments(options: CampaignOptions, bait: Bait): readonly HostileDocument[] {
  const wanted = options.points ?? (options.full ? 2000 : 1);
  const documents: HostileDocument[] = [];
  for (let round = 0; documents.length < wanted; round += 1) {
    const random = createRandom(options.seed + round);
    documents.push(...families.flatMap((family) => family(random, bait)));
  }
  if (options.points === null) return documents;
  const step = documents.length / options.points;
  return Array.from({ length: options.points }, (_, index) => documents[Math.floor(index * step)]).filter(
    (document) => document !== undefined,
  );
}

const honestPage = Buffer.from(
  `<title>Honest</title><article><p>${many('An honest page says what it has to say. ', 20)}</p></article>`,
);

async function runDocuments(
  context: CampaignContext,
  documents: readonly HostileDocument[],
  tally: Tally,
): Promise<void> {
  const parser = createPageParser(parserLimits);
  const plain = createPageParser({ ...parserLimits, usesPdfTool: false });
  try {
    for (const [index, document] of documents.entries()) {
      context.signal.throwIfAborted();
      await runDocument(parser, document, tally);
      if (document.contentType === 'application/pdf') await runDocument(plain, document, tally);
      if (index % 10 === 9) await runHonest(parser, document, tally);
      if (index % 50 === 49) context.report(`${index + 1} documents, ${tally.broken.length} broken rules`);
    }
  } finally {
    parser.close();
    plain.close();
  }
}

async function runDocument(parser: PageParser, document: HostileDocument, tally: Tally): Promise<void> {
  const request = { bytes: document.bytes, contentType: document.contentType, url: 'https://example.com/' };
  try {
    const page = await parser.parse(request, new AbortController().signal);
    count(tally, page.kind);
    if (`${page.title} ${page.markdown}`.includes(secret)) tally.escapes += 1;
    if (Buffer.byteLength(page.markdown) > maxMarkdownBytes) tally.broken.push(`${document.name}: too much came back`);
  } catch (error) {
    if (String(error).includes(secret)) tally.escapes += 1;
    if (error instanceof AppError && error.type === 'Tool.Failed') count(tally, toOutcome(error.message));
    else
      tally.broken.push(`${document.name}: failed otherwise than as an observation (${String(error).slice(0, 200)})`);
  }
}

function count(tally: Tally, outcome: string): void {
  tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + 1;
}

function toOutcome(message: string): string {
  if (message.includes('not done within')) return 'out of time';
  return /memory|crashed/.test(message) ? 'out of memory' : 'refused';
}

/** The document before must have cost nobody else anything. */
async function runHonest(parser: PageParser, after: HostileDocument, tally: Tally): Promise<void> {
  try {
    const request = { bytes: honestPage, contentType: 'text/html', url: 'https://example.com/' };
    const page = await parser.parse(request, new AbortController().signal);
    if (page.title === 'Honest' && page.markdown.startsWith('An honest page')) return;
    tally.broken.push(`after ${after.name}: an honest page was read wrongly`);
  } catch (error) {
    tally.broken.push(`after ${after.name}: an honest page was not read (${String(error).slice(0, 200)})`);
  }
}
