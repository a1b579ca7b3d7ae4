import { urlTable } from '../../domain/addresses/address-table.ts';

/** IPv4 addresses that no tool may reach: first, last and well-known ones of each special range. */
export const forbiddenIpv4: readonly string[] = [
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '169.254.169.254',
  '169.254.170.2',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.168.255.255',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '192.31.196.1',
  '192.52.193.1',
  '192.175.48.1',
];

/** IPv6 addresses of the same kind that a socket can be opened to. */
export const forbiddenIpv6: readonly string[] = [
  '::1',
  'fc00::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  '100::1',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2001:db8::1',
  '2620:4f:8000::1',
  '3fff::1',
  '4000::1',
  '5f00::1',
  '64:ff9b:1::1',
  'fec0::1',
];

const fullwidth = (text: string) =>
  text.replaceAll(/[0-9.]/g, (character) => String.fromCodePoint(0xff00 + (character.codePointAt(0) ?? 0) - 0x20));
const circled = (text: string) =>
  text.replaceAll(/\d/g, (digit) => (digit === '0' ? '⓪' : String.fromCodePoint(0x2460 + Number(digit) - 1)));
const percent = (text: string) =>
  text.replaceAll(/[0-9.]/g, (character) => `%${(character.codePointAt(0) ?? 0).toString(16)}`);

const hex = (value: number) => value.toString(16);

/** Every notation in which a URL can name an IPv4 address, and every IPv6 form that carries one. */
function spell(address: string): readonly string[] {
  const parts = address.split('.').map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = parts;
  const bits = ((a * 256 + b) * 256 + c) * 256 + d;
  const [high, low] = [hex(a * 256 + b), hex(c * 256 + d)];
  return [
    address,
    `${address}.`,
    String(bits),
    `0x${hex(bits)}`,
    `0${bits.toString(8)}`,
    parts.map((part) => `0x${hex(part)}`).join('.'),
    parts.map((part) => `0${part.toString(8)}`).join('.'),
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    fullwidth(address),
    circled(address),
    percent(address),
    address.replaceAll('.', '。'),
    `[::ffff:${address}]`,
    `[::ffff:${high}:${low}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[2002:${high}:${low}::1]`,
    `[2001:0:808:808::${hex((a * 256 + b) ^ 0xffff)}:${hex((c * 256 + d) ^ 0xffff)}]`,
  ];
}

/** Whole URLs: every spelling of every address, other ports of this machine, names, and the confusions of the table. */
export function makeUrls(): readonly string[] {
  const literals = [
    ...forbiddenIpv4.flatMap((address) => spell(address)),
    ...forbiddenIpv6.map((address) => `[${address}]`),
  ];
  const table = urlTable.flatMap(([reason, urls]) => (reason === 'ok' ? [] : urls));
  const ports = [22, 2375, 5432, 6379, 7233, 8080, 8700].flatMap((port) => [
    `http://127.0.0.1:${port}/`,
    `http://localhost:${port}/`,
    `http://93.184.215.14:${port}/`,
  ]);
  const confused = [
    'http://public.example@127.0.0.1/',
    'http://127.0.0.1\\@public.example/',
    'http://public.example:80@127.0.0.1:80/',
  ];
  return [...new Set([...literals.map((host) => `http://${host}/`), ...table, ...ports, ...confused])];
}
