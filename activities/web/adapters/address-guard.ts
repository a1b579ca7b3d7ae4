import { lookup as systemLookup } from 'node:dns/promises';

import { AppError } from '../../../domain/errors.ts';
import { isPublicAddress, parseIpAddress } from './ip-address.ts';
import { metadataNames, privateSuffixes } from './special-ranges.ts';

/** Why a URL is refused, in the order in which the rules are asked. */
export type BlockReason =
  | 'parse'
  | 'scheme'
  | 'userinfo'
  | 'port'
  | 'denied-host'
  | 'literal'
  | 'dns'
  | 'address'
  | 'redirect';

/** What the guard says of a URL before any name is resolved. */
export type Verdict =
  /** `exempt` is true when the allow list, not the rules, lets it pass. */
  | { readonly allowed: true; readonly reason: 'ok'; readonly url: URL; readonly exempt: boolean }
  | { readonly allowed: false; readonly reason: BlockReason };

/** Resolves a name to every address it has. */
export type LookupAll = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/**
 * Decides which addresses the web tools may reach.
 *
 * *Contract:* `judge` is pure and never throws. `resolve` asks the resolver once and answers only addresses that may be connected
 * to; whoever connects must use these and no second lookup.
 */
export interface AddressGuard {
  /** Judges a URL, or a redirect's target against the URL it came from. */
  readonly judge: (url: string, base?: URL) => Verdict;
  /** The checked addresses of a judged host. Throws `Tool.Blocked` (one is forbidden) or `Tool.Failed`, `Tool.Unavailable` (none). */
  readonly resolve: (hostname: string, port: string) => Promise<readonly string[]>;
  /** Is this address and port exactly one of the allow list? */
  readonly isExempt: (address: string, port: string) => boolean;
}

/** Longest URL that is looked at, in code points. */
const maxUrlChars = 2048;

const publicPorts: readonly string[] = ['80', '443'];

const reasonTexts: Readonly<Record<BlockReason, string>> = {
  parse: `is not a URL, or is longer than ${maxUrlChars} characters`,
  scheme: 'is neither http nor https',
  userinfo: 'carries a user name or password',
  port: 'uses a port other than 80 and 443',
  'denied-host': 'names a host that is not on the public internet',
  literal: 'is an address that is not on the public internet',
  dns: 'could not be resolved',
  address: 'resolves to an address that is not on the public internet',
  redirect: 'redirects from https to http',
};

/** The failure that tells the model why `url` is not fetched. */
export function toBlocked(url: string, reason: BlockReason): AppError {
  const shown = Array.from(url).slice(0, 200).join('');
  return new AppError('Tool.Blocked', {
    field: 'url',
    what: `url ${JSON.stringify(shown)} ${reasonTexts[reason]} (${reason})`,
    mend: 'Use a public http or https address on port 80 or 443.',
  });
}

/**
 * Creates the guard.
 *
 * `allow` lists exact `ip:port` pairs (`127.0.0.1:8711`, `[::1]:8711`), the only exception of every rule on ports and addresses;
 * a name that resolves to one of them is still refused.
 *
 * @throws AppError `Config.Invalid` when an entry is not `ip:port`.
 */
export function createAddressGuard(options: {
  readonly allow: readonly string[];
  readonly lookup?: LookupAll;
}): AddressGuard {
  const exempt = new Set(options.allow.map(toExemptKey));
  const lookup = options.lookup ?? ((hostname) => systemLookup(hostname, { all: true, order: 'verbatim' }));
  const isExempt = (address: string, port: string): boolean => exempt.has(toAddressKey(address, port));

  const judge = (text: string, base?: URL): Verdict => {
    const url = parseUrl(text, base);
    if (url === null) return refused('parse');
    if (!isWebScheme(url)) return refused('scheme');
    if (url.username !== '' || url.password !== '' || hasEmptyUserinfo(text)) return refused('userinfo');
    const literal = toLiteral(url.hostname);
    if (literal !== null && isExempt(literal, toPort(url))) return { allowed: true, reason: 'ok', url, exempt: true };
    if (!publicPorts.includes(toPort(url))) return refused('port');
    const reason = judgeHost(url.hostname, literal);
    return reason === 'ok' ? { allowed: true, reason, url, exempt: false } : refused(reason);
  };

  const resolve = async (hostname: string, port: string): Promise<readonly string[]> => {
    const literal = toLiteral(hostname);
    if (literal !== null) {
      if (isExempt(literal, port) || isPublicAddress(literal)) return [literal];
      throw toBlocked(hostname, 'literal');
    }
    if (isDeniedName(hostname)) throw toBlocked(hostname, 'denied-host');
    const addresses = (await resolveAll(lookup, hostname)).map(({ address }) => address);
    if (!addresses.every((address) => isPublicAddress(address))) throw toBlocked(hostname, 'address');
    return addresses;
  };

  return { judge, resolve, isExempt };
}

async function resolveAll(lookup: LookupAll, hostname: string): Promise<readonly { readonly address: string }[]> {
  let answers: readonly { readonly address: string }[];
  try {
    answers = await lookup(hostname);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    const isPassing = code === 'EAI_AGAIN' || code === 'ETIMEOUT' || code === 'ESERVFAIL';
    throw new AppError(isPassing ? 'Tool.Unavailable' : 'Tool.Failed', {
      field: 'url',
      what: `the name ${hostname} could not be resolved (${code})`,
      mend: isPassing ? 'Try again later.' : 'Check the spelling of the host.',
    });
  }
  if (answers.length > 0) return answers;
  throw new AppError('Tool.Failed', {
    field: 'url',
    what: `the name ${hostname} has no address`,
    mend: 'Check the spelling of the host.',
  });
}

function refused(reason: BlockReason): Verdict {
  return { allowed: false, reason };
}

/** Null when it is none, or too long. */
function parseUrl(text: string, base: URL | undefined): URL | null {
  // Twice the limit in UTF-16 units holds at least the limit in code points; the rest need not be counted.
  const chars = Array.from(text.slice(0, 2 * maxUrlChars + 2)).length;
  return chars > maxUrlChars || !URL.canParse(text, base?.href) ? null : new URL(text, base);
}

function isWebScheme(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function judgeHost(hostname: string, literal: string | null): 'ok' | 'denied-host' | 'literal' {
  if (literal === null) return isDeniedName(hostname) ? 'denied-host' : 'ok';
  return isPublicAddress(literal) ? 'ok' : 'literal';
}

/** The port in effect. */
export function toPort(url: URL): string {
  if (url.port !== '') return url.port;
  return url.protocol === 'https:' ? '443' : '80';
}

/** The address when a URL's host is one, without brackets; null for a name. WHATWG parsing has undone every other notation. */
function toLiteral(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return parseIpAddress(bare) === null ? null : bare;
}

function isDeniedName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '').toLowerCase();
  if (!name.includes('.') || metadataNames.includes(name)) return true;
  return privateSuffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

/** Parsing drops an empty `@`; a URL that has one was made to be misread. Tabs, newlines and outer blanks go first, as in parsing. */
function hasEmptyUserinfo(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the URL standard strips C0 controls
  const cleaned = text.replace(/^[\0- ]+/, '').replaceAll(/[\t\n\r]/g, '');
  const authority = /^(?:https?:[\\/]*|[\\/]{2,})([^\\/?#]*)/i.exec(cleaned)?.[1] ?? '';
  return authority.includes('@');
}

function toAddressKey(address: string, port: string): string {
  const parsed = parseIpAddress(address);
  return parsed === null ? '' : `${parsed.family}/${parsed.bits}/${port}`;
}

function toExemptKey(entry: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(entry);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? 0);
  if (parseIpAddress(address) === null || port < 1 || port > 65_535) {
    throw new AppError('Config.Invalid', {
      field: 'LONGHAUL_FETCH_ALLOW',
      what: 'an entry of LONGHAUL_FETCH_ALLOW is not an exact ip:port pair',
      mend: 'Write pairs such as 127.0.0.1:8711 or [::1]:8711, separated by commas.',
    });
  }
  return toAddressKey(address, String(port));
}
