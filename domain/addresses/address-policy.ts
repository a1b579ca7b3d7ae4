import { z } from 'zod';

import { type IpAddress, isInRanges, type IpRange, parseIpAddress, parseIpRange } from './ip-address.ts';
import { isPublicIp, toCarried, toRanges } from './public-address.ts';
import { metadataNames, metadataRanges, privateSuffixes } from './special-ranges.ts';

const portSchema = z.int().min(1).max(65_535);
const rangeSchema = z.string().refine((text) => parseIpRange(text) !== null, 'expected a range such as 10.0.0.0/8');
const pairSchema = z
  .string()
  .refine((text) => toPair(text) !== null, 'expected an exact ip:port, such as 127.0.0.1:8711 or [::1]:8711');
const hostSchema = z
  .string()
  .regex(
    /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/,
    'expected a lower-case host name, *. before it for all names under it',
  );

/**
 * What a tenant's tools may reach. Without a word about it: public addresses, by any name, on ports 80 and 443.
 *
 * Lists add to each other; a denial wins over every permission but an exact pair of `allow`, which the operator gives.
 */
export const addressPolicySchema = z.strictObject({
  ports: z.array(portSchema).default([80, 443]),
  /** Exact `ip:port` pairs that pass every rule on ports and addresses. A name that resolves to one of them does not. */
  allow: z.array(pairSchema).default([]),
  /** Ranges that count as public, such as `10.20.0.0/16`. Metadata services stay out of reach. */
  privateRanges: z.array(rangeSchema).default([]),
  /** Ranges that look public and are refused: the deployment's own. */
  denyRanges: z.array(rangeSchema).default([]),
  /** Names that are refused; `*.example.org` stands for every name under it. */
  denyHosts: z.array(hostSchema).default([]),
  /** When there are some, only these names, in the same notation; addresses are then refused. */
  allowHosts: z.array(hostSchema).default([]),
});
export type AddressPolicy = z.infer<typeof addressPolicySchema>;
/** A policy as it is written down, with what is left out. */
export type AddressPolicyInput = z.input<typeof addressPolicySchema>;

/** A policy made ready for being asked often. */
export interface AddressRules {
  readonly isPort: (port: string) => boolean;
  /** Is this address and port exactly one of the `allow` pairs? */
  readonly isExempt: (address: string, port: string) => boolean;
  /** Is the name refused before anybody asks for its addresses? */
  readonly isDeniedName: (hostname: string) => boolean;
  /** May a socket be opened to this address? What is no address may not. */
  readonly isReachable: (address: string) => boolean;
  /** May a URL name an address instead of a host? */
  readonly areLiteralsAllowed: boolean;
}

/** Compiles a policy. Pure; the policy is one that the schema has passed. */
export function toAddressRules(policy: AddressPolicy): AddressRules {
  const exempt = new Set(policy.allow.map(toPair));
  const opened = toRanges(policy.privateRanges);
  const closed = toRanges(policy.denyRanges);
  const ports = new Set(policy.ports.map(String));
  return {
    isPort: (port) => ports.has(port),
    isExempt: (address, port) => exempt.has(toPairKey(address, port)),
    isDeniedName: (hostname) =>
      isPrivateName(hostname) ||
      isListed(hostname, policy.denyHosts) ||
      (policy.allowHosts.length > 0 && !isListed(hostname, policy.allowHosts)),
    isReachable: (text) => {
      const address = parseIpAddress(text);
      return address !== null && isReachable(address, { opened, closed });
    },
    areLiteralsAllowed: policy.allowHosts.length === 0,
  };
}

const metadata = toRanges(metadataRanges);

function isReachable(
  address: IpAddress,
  ranges: { readonly opened: readonly IpRange[]; readonly closed: readonly IpRange[] },
): boolean {
  const all = [address, ...(toCarried(address) ?? [])];
  if (all.some((one) => isInRanges(one, ranges.closed) || isInRanges(one, metadata))) return false;
  return isPublicIp(address) || isInRanges(address, ranges.opened);
}

/** Without the dots that only say that the name is complete. */
export function toBareName(hostname: string): string {
  return hostname.toLowerCase().replace(/\.+$/, '');
}

/** Names of one label, under a private suffix, or of a metadata service. */
function isPrivateName(hostname: string): boolean {
  const name = toBareName(hostname);
  if (!name.includes('.') || metadataNames.includes(name)) return true;
  return privateSuffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

function isListed(hostname: string, entries: readonly string[]): boolean {
  const name = toBareName(hostname);
  return entries.some((entry) => (entry.startsWith('*.') ? name.endsWith(entry.slice(1)) : name === entry));
}

function toPairKey(address: string, port: string): string {
  const parsed = parseIpAddress(address);
  return parsed === null ? '' : `${parsed.family}/${parsed.bits}/${port}`;
}

/** The key of an `ip:port` pair, or null when it is none. */
function toPair(entry: string): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(entry);
  const port = Number(match?.[3] ?? 0);
  const key = toPairKey(match?.[1] ?? match?.[2] ?? '', String(port));
  return key === '' || port < 1 || port > 65_535 ? null : key;
}
