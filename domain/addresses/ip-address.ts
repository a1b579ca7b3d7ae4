/** An IP address as a number, so that every spelling of it is equal. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

/** A range of addresses of one family, both ends included. */
export interface IpRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Reads a dotted or colon-separated address; null when `text` is none.
 *
 * Strict, as resolvers and sockets write addresses: four decimal parts without leading zeros, or IPv6 with at most one `::`. A zone
 * (`%eth0`) is none: such an address is never public. Pure.
 */
export function parseIpAddress(text: string): IpAddress | null {
  const bits = text.includes(':') ? toIpv6Bits(text) : toIpv4Bits(text);
  return bits === null ? null : { family: text.includes(':') ? 6 : 4, bits };
}

/** Are both texts the same address? A mapped IPv4 address equals the plain one: that is how a socket may report it. */
export function isSameAddress(left: string, right: string): boolean {
  const a = parseIpAddress(left);
  const b = parseIpAddress(right);
  if (a === null || b === null) return false;
  const x = unmapped(a);
  const y = unmapped(b);
  return x.family === y.family && x.bits === y.bits;
}

/** Reads `address/prefix`; null when `text` is no range. */
export function parseIpRange(text: string): IpRange | null {
  const [base = '', prefix = '', ...rest] = text.split('/');
  const address = parseIpAddress(base);
  const length = address?.family === 4 ? 32 : 128;
  if (address === null || rest.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > length) return null;
  const hosts = (1n << BigInt(length - Number(prefix))) - 1n;
  return { family: address.family, first: address.bits & ~hosts, last: address.bits | hosts };
}

/** Lies `address` in one of `ranges`? */
export function isInRanges(address: IpAddress, ranges: readonly IpRange[]): boolean {
  return ranges.some(({ family, first, last }) => {
    return family === address.family && address.bits >= first && address.bits <= last;
  });
}

/** The IPv4 address in a mapped one; any other address as it is. */
function unmapped(address: IpAddress): IpAddress {
  const isMapped = address.family === 6 && address.bits >> 32n === 0xffffn;
  return isMapped ? { family: 4, bits: address.bits & 0xffff_ffffn } : address;
}

function toIpv4Bits(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let bits = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function toIpv6Bits(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const front = toGroups(halves[0] ?? '', halves.length === 1);
  const back = halves.length === 1 ? [] : toGroups(halves[1] ?? '', true);
  if (front === null || back === null) return null;
  const missing = 8 - front.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const zeros = Array.from({ length: missing }, () => 0n);
  return [...front, ...zeros, ...back].reduce((bits, group) => (bits << 16n) | group, 0n);
}

/** The 16-bit groups of one side of `::`; only the last group of an address may be dotted. */
function toGroups(text: string, isLast: boolean): bigint[] | null {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(BigInt(`0x${part}`));
      continue;
    }
    const dotted = isLast && index === parts.length - 1 ? toIpv4Bits(part) : null;
    if (dotted === null) return null;
    groups.push(dotted >> 16n, dotted & 0xffffn);
  }
  return groups;
}
