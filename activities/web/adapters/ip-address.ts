import { isIPv4, isIPv6 } from 'node:net';

import { ipv6Carriers, publicIpv6Range, specialIpv4Ranges, specialIpv6Ranges } from './special-ranges.ts';

/** An IP address as a number, so that every spelling of it is equal. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

interface IpRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads a dotted or colon-separated address; null when `text` is none. A zone (`%eth0`) is none: it is never public. */
export function parseIpAddress(text: string): IpAddress | null {
  if (isIPv4(text)) return { family: 4, bits: toIpv4Bits(text) };
  if (isIPv6(text) && !text.includes('%')) return { family: 6, bits: toIpv6Bits(text) };
  return null;
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

/** Is `text` an address of the public internet? What is no address at all is not. */
export function isPublicAddress(text: string): boolean {
  const address = parseIpAddress(text);
  if (address === null) return false;
  return address.family === 4 ? isPublicIpv4(address.bits) : isPublicIpv6(address.bits);
}

function isPublicIpv4(bits: bigint): boolean {
  return !specialIpv4Ranges.some((range) => contains(toRange(range), bits));
}

function isPublicIpv6(bits: bigint): boolean {
  const carrier = ipv6Carriers.find(({ range }) => contains(toRange(range), bits));
  if (carrier !== undefined) {
    return carrier.inside.every(({ shift, inverted }) => {
      const inside = (bits >> BigInt(shift)) & 0xffff_ffffn;
      return isPublicIpv4(inverted === true ? inside ^ 0xffff_ffffn : inside);
    });
  }
  if (!contains(toRange(publicIpv6Range), bits)) return false;
  return !specialIpv6Ranges.some((range) => contains(toRange(range), bits));
}

function contains(range: IpRange, bits: bigint): boolean {
  return bits >= range.first && bits <= range.last;
}

function toRange(cidr: string): IpRange {
  const [base = '', prefix = ''] = cidr.split('/');
  const address = parseIpAddress(base);
  if (address === null) throw new TypeError(`not an address range: ${cidr}`);
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - Number(prefix));
  return { first: address.bits, last: address.bits | ((1n << hostBits) - 1n) };
}

function toIpv4Bits(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

/** `text` is known to be IPv6: at most one `::`, perhaps a dotted tail. */
function toIpv6Bits(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const front = toGroups(head);
  const back = toGroups(tail ?? '');
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0n);
  return [...front, ...zeros, ...back].reduce((bits, group) => (bits << 16n) | group, 0n);
}

function toGroups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const bits = toIpv4Bits(group);
    return [bits >> 16n, bits & 0xffffn];
  });
}

function unmapped(address: IpAddress): IpAddress {
  const isMapped = address.family === 6 && address.bits >> 32n === 0xffffn;
  return isMapped ? { family: 4, bits: address.bits & 0xffff_ffffn } : address;
}
