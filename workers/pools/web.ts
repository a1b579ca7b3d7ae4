import { join } from 'node:path';
import { toModelError } from '../../activities/model/adapters/openai-errors.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { createWebTools } from '../../activities/web/activities.ts';
import { createAddressGuard } from '../../activities/web/adapters/address-guard.ts';
import { loadPages } from '../../activities/web/adapters/corpus-pages.ts';
import { createPageReader } from '../../activities/web/adapters/page-fetch.ts';
import { createPageParser } from '../../activities/web/adapters/page-parser.ts';
import { createExtractiveReader } from '../../activities/web/adapters/reader-extractive.ts';
import type { ReaderPort, SearchPort } from '../../activities/web/ports.ts';
import { AppError } from '../../domain/errors.ts';
import type { WorkerConfig } from '../compose/config.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36 Longhaul/0.1';

async function createSearch(config: WorkerConfig): Promise<SearchPort> {
  if (config.serperApiKey !== null) {
    const { createSerperSearch } = await import('../../activities/web/adapters/serper.ts');
    const { serperBaseUrl } = config;
    return createSerperSearch({
      apiKey: config.serperApiKey.reveal(),
      ...(serperBaseUrl === null ? {} : { baseUrl: serperBaseUrl }),
    });
  }
  if (config.corpus === null) throw new AppError('Config.Invalid', { what: 'the web pool has nothing to search with' });
  const { createCorpusSearch } = await import('../../activities/web/adapters/corpus-search.ts');
  const pages = loadPages(join(config.corpus.directory, 'pages.jsonl'), config.corpus.host);
  return createCorpusSearch({ pages });
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

/** Search, and pages read. */
export async function createWebPool(context: PoolContext): Promise<Pool> {
  const { config, logger } = context;
  if (config.fetchAllow.length > 0)
    logger.info({ allowed: config.fetchAllow }, 'pages may also be fetched from these addresses');
  const guard = createAddressGuard({ allow: config.fetchAllow });
  const parser = createPageParser();
  const pages = createPageReader({ guard, userAgent, parser });
  const search = await createSearch(config);
  const handlers = createWebTools({ search, pages, readerFor: await createReader(config) });
  const ports = { ...toStepPorts(context), handlers };
  return {
    activities: createToolActivities(ports),
    begin: () => {},
    close: async () => {
      await pages.close();
      parser.close();
    },
  };
}
