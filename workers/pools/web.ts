import { join } from 'node:path';
import { toModelError } from '../../activities/model/adapters/openai-errors.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { createWebTools } from '../../activities/web/activities.ts';
import { type AddressGuard, createAddressGuard } from '../../activities/web/adapters/address-guard.ts';
import { loadPages } from '../../activities/web/adapters/corpus-pages.ts';
import { createPageReader } from '../../activities/web/adapters/page-fetch.ts';
import { createPageParser } from '../../activities/web/adapters/page-parser.ts';
import { createExtractiveReader } from '../../activities/web/adapters/reader-extractive.ts';
import type { PagePort, ReaderPort, SearchPort } from '../../activities/web/ports.ts';
import { AppError } from '../../domain/errors.ts';
import type { SearchConfig, WorkerConfig } from '../compose/config.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Longhaul/0.1';

/** One provider, or several of which the next is asked when one cannot search. */
async function createSearch(config: WorkerConfig): Promise<SearchPort> {
  const { createSearchFailover } = await import('../../activities/web/adapters/search/search-failover.ts');
  const named = await Promise.all(
    config.search.map(async (provider) => ({ name: provider.name, port: await createProvider(config, provider) })),
  );
  const [only] = named;
  return only !== undefined && named.length === 1 ? only.port : createSearchFailover(named);
}

async function createProvider(config: WorkerConfig, { name, apiKey, baseUrl }: SearchConfig): Promise<SearchPort> {
  if (name === 'corpus') {
    if (config.corpus === null) throw new AppError('Config.Invalid', { what: 'there is no corpus to search in' });
    const { createCorpusSearch } = await import('../../activities/web/adapters/corpus-search.ts');
    return createCorpusSearch({ pages: loadPages(join(config.corpus.directory, 'pages.jsonl'), config.corpus.host) });
  }
  const { createProviderSearch } = await import('../../activities/web/adapters/search/provider-search.ts');
  const { searchProviders } = await import('../../activities/web/adapters/search/providers.ts');
  return createProviderSearch(searchProviders[name], {
    apiKey: apiKey === null ? '' : apiKey.reveal(),
    ...(baseUrl === null ? {} : { baseUrl }),
  });
}

/** The reader's model is named by each run's profile, so a reader is made a name. */
async function createReader(config: WorkerConfig): Promise<(model: string) => ReaderPort> {
  if (config.reader === 'extractive') {
    const reader = createExtractiveReader();
    return () => reader;
  }
  const { createModelClient } = await import('./openai-client.ts');
  const { createModelReader } = await import('../../activities/web/adapters/reader-model.ts');
  const client = createModelClient(config);
  return (model) => createModelReader({ client, model, toModelError });
}

/** Pages are fetched by us; by the Jina reader first where the operator wants that. Our own corpus is never told to it. */
async function createPages(config: WorkerConfig, direct: PagePort, guard: AddressGuard): Promise<PagePort> {
  if (config.pages === 'direct') return direct;
  const { createJinaReader } = await import('../../activities/web/adapters/jina.ts');
  const { createPageFallback } = await import('../../activities/web/adapters/page-fallback.ts');
  const { jinaApiKey, jinaBaseUrl } = config;
  const jina = createJinaReader({
    guard,
    apiKey: jinaApiKey === null ? null : jinaApiKey.reveal(),
    ...(jinaBaseUrl === null ? {} : { baseUrl: jinaBaseUrl }),
  });
  const isOwn = (url: string): boolean => {
    const verdict = guard.judge(url);
    return verdict.allowed && verdict.exempt;
  };
  const fallback = createPageFallback(jina, direct);
  return { read: (request, call) => (isOwn(request.url) ? direct : fallback).read(request, call) };
}

/** Search, and pages read. */
export async function createWebPool(context: PoolContext): Promise<Pool> {
  const { config, logger } = context;
  if (config.fetchAllow.length > 0)
    logger.info({ allowed: config.fetchAllow }, 'pages may also be fetched from these addresses');
  const guard = createAddressGuard({ allow: [...config.fetchAllow] });
  const parser = createPageParser();
  const direct = createPageReader({ guard, userAgent, parser });
  const pages = await createPages(config, direct, guard);
  const search = await createSearch(config);
  const handlers = createWebTools({ search, pages, readerFor: await createReader(config) });
  const ports = { ...toStepPorts(context), handlers };
  return {
    activities: createToolActivities(ports),
    begin: () => {},
    close: async () => {
      await direct.close();
      parser.close();
    },
  };
}
