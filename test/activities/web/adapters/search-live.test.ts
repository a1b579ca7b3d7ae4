import { describe, expect, it } from 'vitest';

import { createProviderSearch } from '../../../../activities/web/adapters/search/provider-search.ts';
import { searchProviders } from '../../../../activities/web/adapters/search/providers.ts';
import { aCall } from '../local-server.ts';

const { env } = process;
const live = [
  { name: 'serper', variable: 'SERPER_API_KEY', baseUrl: env['SERPER_BASE_URL'] },
  { name: 'brave', variable: 'BRAVE_API_KEY', baseUrl: undefined },
  { name: 'tavily', variable: 'TAVILY_API_KEY', baseUrl: undefined },
  { name: 'exa', variable: 'EXA_API_KEY', baseUrl: undefined },
  { name: 'searxng', variable: 'SEARXNG_BASE_URL', baseUrl: env['SEARXNG_BASE_URL'] },
] as const;

describe('providers on the internet', () => {
  for (const { name, variable, baseUrl } of live) {
    const value = env[variable] ?? '';
    it.skipIf(value === '')(`${name}: finds something; skipped where ${variable} is not set`, async () => {
      const search = createProviderSearch(searchProviders[name], {
        apiKey: name === 'searxng' ? '' : value,
        ...(baseUrl === undefined ? {} : { baseUrl }),
      });
      const { organic } = await search.search({ q: 'Eddystone Lighthouse', num: 3 }, aCall());
      expect(organic.length).toBeGreaterThan(0);
      expect(organic[0]?.link).toMatch(/^https?:/);
    });
  }
});
