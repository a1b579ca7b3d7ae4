import { type IpAddress, isInRanges, type IpRange, parseIpAddress, parseIpRange } from './ip-address.ts';
import { ipv6Carriers, publicIpv6Range, specialIpv4Ranges, specialIpv6Ranges } from './special-ranges.ts';

/** A table's ranges. @throws TypeError when a row is none: a mistake of ours, found when the module is loaded */
export function toRanges(rows: readonly string[]): readonly IpRange[] {
  return rows.map((row) => {
    const range = parseIpRange(row);
    if (range === null) throw new TypeError(`not an address range: ${row}`);
    return range;
  });
}

const specialIpv4 = toRanges(specialIpv4Ranges);
const specialIpv6 = toRanges(specialIpv6Ranges);
const publicIpv6 = toRanges([publicIpv6Range]);
const carriers = ipv6Carriers.map(({ range, inside }) => ({ ranges: toRanges([range]), inside }));

/** Is `text` an address of the public internet? What is no address at all is not. Pure, never throws. */
export function isPublicAddress(text: string): boolean {
  const address = parseIpAddress(text);
  return address !== null && isPublicIp(address);
}

/** Is this an address of the public internet? Forms that carry an IPv4 address are judged by every one inside. */
export function isPublicIp(address: IpAddress): boolean {
  if (address.family === 4) return !isInRanges(address, specialIpv4);
  const inside = toCarried(address);
  if (inside !== null) return inside.every((carried) => isPublicIp(carried));
  return isInRanges(address, publicIpv6) && !isInRanges(address, specialIpv6);
}

/** The IPv4 addresses that an IPv6 address stands for; null when it stands for itself. */
export function toCarried(address: IpAddress): readonly IpAddress[] | null {
  if (address.family === 4) return null;
  const carrier = carriers.find(({ ranges }) => isInRanges(address, ranges));
  if (carrier === undefined) return null;
  return carrier.inside.map(({ shift, inverted }) => {
    const bits = (address.bits >> BigInt(shift)) & 0xffff_ffffn;
    return { family: 4, bits: inverted === true ? bits ^ 0xffff_ffffn : bits };
  });
}
