import { lookup as systemLookup } from 'node:dns/promises';

import {
  type AddressPolicyInput,
  addressPolicySchema,
  type AddressRules,
  toAddressRules,
  toBareName,
} from '../../../domain/addresses/address-policy.ts';
import {
  type BlockReason,
  judgeUrl,
  maxUrlChars,
  toLiteral,
  type UrlVerdict,
} from '../../../domain/addresses/judge-url.ts';
import { AppError } from '../../../domain/errors.ts';

/** Why a request is not made: a rule of the guard, or a redirect that leaves https. */
export type RefusalReason = BlockReason | 'redirect';

/** Resolves a name to every address it has. */
export type LookupAll = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** What the guard says of a URL once its name is resolved. */
export interface Judgement {
  readonly allowed: boolean;
  readonly reason: BlockReason | 'ok';
  /** Every address that was judged: the literal, or what the name resolves to. */
  readonly addresses: readonly string[];
  /** Null when it was refused before it could be followed. */
  readonly url: URL | null;
}

/**
 * Decides which addresses may be reached: one guard for every outgoing request of every tool.
 *
 * *Contract:* `judge` is pure and never throws. `check` asks the resolver at most once, connects to nothing and never throws. `resolve`
 * asks once and answers only addresses that may be connected to; whoever connects must use these and no second lookup.
 */
export interface AddressGuard {
  /** Judges a URL, or a redirect's target against the URL it came from, by everything but the addresses of its name. */
  readonly judge: (url: string, base?: URL) => UrlVerdict;
  /** The whole judgement, as a request would meet it. */
  readonly check: (url: string, base?: URL) => Promise<Judgement>;
  /** The checked addresses of a judged host. Throws `Tool.Blocked` (one is forbidden) or `Tool.Failed`, `Tool.Unavailable` (none). */
  readonly resolve: (hostname: string, port: string) => Promise<readonly string[]>;
  /** Is this address and port exactly one of the allow list? */
  readonly isExempt: (address: string, port: string) => boolean;
}

const reasonTexts: Readonly<Record<RefusalReason, string>> = {
  parse: `is not a URL, or is longer than ${maxUrlChars} characters`,
  scheme: 'is neither http nor https',
  userinfo: 'carries a user name or password',
  port: 'uses a port other than 80 and 443',
  'denied-host': 'names a host that is not on the public internet, or that is not allowed here',
  literal: 'is an address that is not on the public internet',
  dns: 'could not be resolved',
  address: 'resolves to an address that is not on the public internet',
  redirect: 'redirects from https to http',
};

/** The failure that tells the model why `url` is not fetched. */
export function toBlocked(url: string, reason: RefusalReason): AppError {
  const shown = Array.from(url.slice(0, 400)).slice(0, 200).join('');
  return new AppError('Tool.Blocked', {
    field: 'url',
    what: `url ${JSON.stringify(shown)} ${reasonTexts[reason]} (${reason})`,
    mend: 'Use a public http or https address on port 80 or 443.',
  });
}

/** How a guard is made. */
export interface AddressGuardOptions extends AddressPolicyInput {
  /** The system's resolver unless told otherwise. */
  readonly lookup?: LookupAll;
}

/**
 * Creates the guard.
 *
 * @throws AppError `Config.Invalid` when the policy holds an entry that cannot be read; it names the list, not the value.
 */
export function createAddressGuard({ lookup, ...policy }: AddressGuardOptions = {}): AddressGuard {
  const rules = toRules(policy);
  const resolver = lookup ?? ((hostname) => systemLookup(hostname, { all: true, order: 'verbatim' }));
  const judge = (url: string, base?: URL): UrlVerdict => judgeUrl(rules, url, base);
  return {
    judge,
    check: (url, base) => check(judge(url, base), rules, resolver),
    resolve: (hostname, port) => resolve({ hostname, port }, rules, resolver),
    isExempt: rules.isExempt,
  };
}

function toRules(input: AddressPolicyInput): AddressRules {
  const parsed = addressPolicySchema.safeParse(input);
  if (parsed.success) return toAddressRules(parsed.data);
  const rules = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new AppError('Config.Invalid', {
    field: String(parsed.error.issues[0]?.path[0] ?? 'policy'),
    what: `the address policy cannot be used: ${rules.join('; ')}`,
    mend: 'docs/addresses.md describes every list.',
  });
}

async function check(verdict: UrlVerdict, rules: AddressRules, lookup: LookupAll): Promise<Judgement> {
  const literal = verdict.literal === null ? [] : [verdict.literal];
  if (!verdict.allowed) return { allowed: false, reason: verdict.reason, addresses: literal, url: null };
  const { url } = verdict;
  if (verdict.literal !== null) return { allowed: true, reason: 'ok', addresses: literal, url };
  const answers = await lookup(url.hostname).catch(() => []);
  const addresses = answers.map(({ address }) => address);
  if (addresses.length === 0) return { allowed: false, reason: 'dns', addresses, url };
  const isPublic = addresses.every((address) => rules.isReachable(address));
  return { allowed: isPublic, reason: isPublic ? 'ok' : 'address', addresses, url };
}

async function resolve(
  { hostname, port }: { readonly hostname: string; readonly port: string },
  rules: AddressRules,
  lookup: LookupAll,
): Promise<readonly string[]> {
  const literal = toLiteral(hostname);
  if (literal !== null) {
    if (rules.isExempt(literal, port) || (rules.areLiteralsAllowed && rules.isReachable(literal))) return [literal];
    throw toBlocked(hostname, 'literal');
  }
  if (rules.isDeniedName(hostname)) throw toBlocked(hostname, 'denied-host');
  const addresses = (await resolveAll(lookup, hostname)).map(({ address }) => address);
  if (!addresses.every((address) => rules.isReachable(address))) throw toBlocked(hostname, 'address');
  return addresses;
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

/** A resolver that knows exactly these names, for trying the guard without a network. Keys are lower-case punycode. */
export function createTableLookup(table: ReadonlyMap<string, readonly string[]>): LookupAll {
  return (hostname) => {
    const addresses = table.get(hostname) ?? table.get(toBareName(hostname)) ?? [];
    return Promise.resolve(addresses.map((address) => ({ address })));
  };
}
