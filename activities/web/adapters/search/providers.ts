import { brave } from './brave.ts';
import { exa } from './exa.ts';
import type { SearchProvider } from './provider-search.ts';
import { searxng } from './searxng.ts';
import { serper } from './serper.ts';
import { tavily } from './tavily.ts';

/** Every provider by its name. */
export const searchProviders = { serper, brave, tavily, exa, searxng } as const satisfies Record<
  string,
  SearchProvider
>;
