/**
 * Address ranges that no page may be fetched from.
 *
 * *Source:* the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its successors), multicast and reserved space,
 * and `168.63.129.16`, which looks public but is a cloud platform's own endpoint.
 */
export const specialIpv4Ranges: readonly string[] = [
  '0.0.0.0/8', // this network, this host
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT; some clouds keep their metadata service here
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure platform endpoint
  '169.254.0.0/16', // link-local, metadata services
  '172.16.0.0/12', // private
  '192.0.0.0/24', // IETF protocol assignments; some clouds keep their metadata service here
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relay anycast, deprecated
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** The only IPv6 space that is handed out for the public internet. *Source:* RFC 4291 §2.4, IANA IPv6 global unicast. */
export const publicIpv6Range = '2000::/3';

/** What inside {@link publicIpv6Range} is not public. */
export const specialIpv6Ranges: readonly string[] = [
  '2001::/23', // IETF protocol assignments: benchmarking, ORCHID and others
  '2001:db8::/32', // documentation
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
];

/**
 * IPv6 forms that carry an IPv4 address: judged by every IPv4 inside, before the ranges above.
 * `shift` is the position of the lowest bit of each; `inverted` marks the one that is stored as its complement.
 */
export const ipv6Carriers: readonly {
  readonly range: string;
  readonly inside: readonly { readonly shift: number; readonly inverted?: boolean }[];
}[] = [
  { range: '::ffff:0:0/96', inside: [{ shift: 0 }] }, // mapped
  { range: '64:ff9b::/96', inside: [{ shift: 0 }] }, // NAT64, well-known prefix; the local one (64:ff9b:1::/48) is refused
  { range: '2002::/16', inside: [{ shift: 80 }] }, // 6to4
  { range: '2001::/32', inside: [{ shift: 64 }, { shift: 0, inverted: true }] }, // Teredo: its server and its client
];

/** Names under which clouds and clusters offer their metadata, also where a suffix below refuses them anyway. */
export const metadataNames: readonly string[] = [
  'metadata.google.internal',
  'metadata.goog',
  'instance-data.ec2.internal',
  'metadata.azure.internal',
  'metadata.azure.com',
  'metadata.tencentyun.com',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'api.metadata.cloud.ibm.com',
  'metadata.exoscale.com',
  'kubernetes.default.svc',
];

/**
 * Where clouds and clusters hand out credentials: refused even to a tenant that may reach private ranges.
 *
 * *Source:* the vendors' documentation: link-local, Azure, Alibaba, Oracle, AWS and Google over IPv6.
 */
export const metadataRanges: readonly string[] = [
  '169.254.0.0/16',
  '168.63.129.16/32',
  '100.100.100.200/32',
  '192.0.0.192/32',
  'fe80::/10',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
];

/** Suffixes of names that never belong to the public internet. */
export const privateSuffixes: readonly string[] = ['localhost', 'local', 'internal', 'home.arpa'];
