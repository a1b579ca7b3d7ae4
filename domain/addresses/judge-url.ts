import type { AddressRules } from './address-policy.ts';
import { parseIpAddress } from './ip-address.ts';

/** Why a URL is refused, in the order in which the rules are asked; the first that holds is named. */
export const blockReasons = [
  'parse',
  'scheme',
  'userinfo',
  'port',
  'denied-host',
  'literal',
  'dns',
  'address',
] as const;
export type BlockReason = (typeof blockReasons)[number];

/** What the rules say of a URL before any name is resolved. */
export type UrlVerdict =
  /** `literal` is the address that the URL names, null for a name; `exempt` when the allow list, not the rules, lets it pass. */
  | { readonly allowed: true; readonly url: URL; readonly literal: string | null; readonly exempt: boolean }
  | {
      readonly allowed: false;
      readonly reason: Exclude<BlockReason, 'dns' | 'address'>;
      readonly literal: string | null;
    };

/** Longest URL that is looked at, in code points as given. */
export const maxUrlChars = 2048;

/**
 * Judges a URL, or a redirect's target against the URL it came from, by everything but its addresses. Pure, never throws.
 *
 * *Source:* the URL standard for what a URL is; every notation of an IPv4 address is undone by its parser.
 */
export function judgeUrl(rules: AddressRules, text: string, base?: URL): UrlVerdict {
  const url = parseUrl(text, base);
  if (url === null) return refused('parse');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refused('scheme');
  if (hasUserinfo(url) || hasEmptyUserinfo(text, base)) return refused('userinfo');
  const literal = toLiteral(url.hostname);
  const port = toPort(url);
  if (literal !== null && rules.isExempt(literal, port)) return { allowed: true, url, literal, exempt: true };
  if (!rules.isPort(port)) return refused('port');
  return judgeHost(rules, url, literal);
}

function judgeHost(rules: AddressRules, url: URL, literal: string | null): UrlVerdict {
  if (literal === null && rules.isDeniedName(url.hostname)) return refused('denied-host');
  if (literal !== null && !(rules.areLiteralsAllowed && rules.isReachable(literal)))
    return { ...refused('literal'), literal };
  return { allowed: true, url, literal, exempt: false };
}

/** The port in effect. */
export function toPort(url: URL): string {
  if (url.port !== '') return url.port;
  return url.protocol === 'https:' ? '443' : '80';
}

/** The address when a URL's host is one, without brackets; null for a name. */
export function toLiteral(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return parseIpAddress(bare) === null ? null : bare;
}

function refused(reason: Exclude<BlockReason, 'dns' | 'address'>): UrlVerdict & { readonly allowed: false } {
  return { allowed: false, reason, literal: null };
}

function hasUserinfo(url: URL): boolean {
  return url.username !== '' || url.password !== '';
}

/** Null when it is none, or too long. */
function parseUrl(text: string, base: URL | undefined): URL | null {
  // Twice the limit in UTF-16 units holds at least the limit in code points; the rest need not be counted.
  const chars = Array.from(text.slice(0, 2 * maxUrlChars + 2)).length;
  return chars > maxUrlChars ? null : URL.parse(text, base?.href);
}

/**
 * Parsing drops credentials that are empty (`http://@host/`), so the text is looked at: a URL that has them was made to be misread.
 *
 * *Source:* the URL standard's parser. Outer blanks and C0 controls go first, tabs and newlines everywhere. After a scheme any number of
 * slashes and backslashes leads to the host, unless it is the scheme of the URL it is relative to: then, as without a scheme, two do.
 */
function hasEmptyUserinfo(text: string, base: URL | undefined): boolean {
  // oxlint-disable-next-line no-control-regex -- the standard strips C0 controls
  const cleaned = text.replace(/^[\0- ]+/, '').replaceAll(/[\t\n\r]/g, '');
  const scheme = /^(https?:)/i.exec(cleaned)?.[1] ?? '';
  const rest = cleaned.slice(scheme.length);
  const isRelative = base !== undefined && (scheme === '' || scheme.toLowerCase() === base.protocol);
  const slashes = /^[\\/]*/.exec(rest)?.[0] ?? '';
  if (isRelative && slashes.length < 2) return false;
  const authority = /^[^\\/?#]*/.exec(rest.slice(slashes.length))?.[0] ?? '';
  return authority.includes('@');
}
