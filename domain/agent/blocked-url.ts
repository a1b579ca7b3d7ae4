import type { AgentRules } from './rules.ts';

/** Who is about to use an address. */
export type AddressUse = 'search' | 'scrape_and_extract_info' | 'scrape' | 'scrape_website';

/** What readers refuse by the letter of the address. Source: MiroThinker protocol §6.4. */
const bannedPages = ['huggingface.co/datasets', 'huggingface.co/spaces'] as const;

/** Hosts that serve the same pages, and where on them the data sets and spaces are. */
const datasetHosts = /^(?:(?:www\.)?huggingface\.co|hf\.co|hf-mirror\.com)$/;
const datasetPaths = /^\/+(?:datasets|spaces)/;
const datasetServers = /^datasets-server\.huggingface\.co$/;

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path).toLowerCase();
  } catch {
    return path.toLowerCase();
  }
}

/** Is it another spelling of a banned page: case, port, escapes, a final dot, a mirror, a reader's prefix? */
function isOtherSpelling(url: string): boolean {
  const bare = url.replace(/^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:r\.jina\.ai\/)?(?:[a-z][a-z0-9+.-]*:\/\/)?/i, '');
  const [authority = ''] = /^[^/?#]*/.exec(bare) ?? [];
  const [path = ''] = /^[^?#]*/.exec(bare.slice(authority.length)) ?? [];
  const host = authority.replace(/^.*@/, '').replace(/:\d*$/, '').replace(/\.+$/, '').toLowerCase();
  return datasetServers.test(host) || (datasetHosts.test(host) && datasetPaths.test(decodePath(path)));
}

/**
 * Is an address kept from the agent, since it may hold the answers of a benchmark?
 *
 * Readers refuse other spellings of what is on the list, too. A search shows what the release's list lets through, unless
 * `bansOtherSpellings` says otherwise: its results are in the model's view.
 */
export function isBlockedUrl(
  rules: Pick<AgentRules, 'bannedLinks' | 'bansOtherSpellings'>,
  url: string | null,
  use: AddressUse,
): boolean {
  if (url === null || url === '') return false;
  const banned = use === 'search' ? rules.bannedLinks : bannedPages;
  if (banned.some((part) => url.includes(part))) return true;
  if (use === 'search' && !rules.bansOtherSpellings) return false;
  return url.toLowerCase().includes('unifuncs') || isOtherSpelling(url);
}
