import type { Random } from './random.ts';

/** What the texts are made of: words that look like JSON, Python, code, marks, and characters of two units. */
const words = [
  'a',
  'q',
  'url',
  'code_block',
  'None',
  'True',
  'false',
  'null',
  'x y',
  'é',
  '历史',
  '𠮷野家',
  '👩‍🚀',
  "it's",
  'say "hi"',
  'a\\b',
  'C:\\tmp',
  '1912',
  '3.14',
  '-2',
  '1e5',
  'n/a',
  'http://e.org/a?b=1&c=2',
  '#7',
  '// note',
  '/* c */',
  '{x}',
  '[1]',
  'a, b',
  'k: v',
  '...',
  '“q”',
  '<b>',
  '```json',
  '\n',
  '\t',
  '\u00a0',
  '\ufeff',
  '²',
  '½',
  '٣',
  'Ⅷ',
  'end.',
];

const code = [
  'import re\nprint("hi")\n',
  'for i in range(3):\n    print(f"{i}: {x[\'a\']}")',
  'd = {"a": None, \'b\': True}',
  "s = '''multi\nline'''",
  "awk '{print $1}' f | sort",
  'echo "x" > y.txt',
  're.findall(r"\\d+", t)',
  'if a[0] == "}": pass # end, of: {list}',
  'x = [1, 2, {"k": "v"}]',
  'print("a", "b", sep=":")',
  '"""doc"""',
];

const marks = Array.from('"\'{}[]:,\\/#-. \n\t01ae“”`*TFNtu');

const tokens = [
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  '"',
  "'",
  '“',
  '”',
  '\\',
  '\\"',
  '\\n',
  '\\u00e9',
  '\\x41',
  '\\u12',
  '/',
  '//',
  '#',
  '/*',
  '*/',
  '\n',
  ' ',
  'a',
  'key',
  'val ue',
  'true',
  'T',
  '1',
  '-2',
  '3.5',
  '1e9',
  '...',
  'é',
  '𠮷',
  '²',
  '{"a": 1}',
  '```',
];

const scalars = [
  'true',
  'False',
  'None',
  'null',
  'TRUE',
  'nul',
  '-1',
  '1.',
  '1.5.2',
  '.5',
  '1,000',
  '1/3',
  '1e',
  '-',
  '--1',
  '0x1',
  '007',
  '1e400',
  'NaN',
  '12ab',
  '12345678901234567890123',
];

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

function phrase(random: Random, most: number): string {
  return Array.from({ length: random.between(0, most) }, () => random.pick(words)).join(' ');
}

function value(random: Random, depth: number): Value {
  const kind = random.next();
  if (depth <= 0 || kind < 0.5) {
    if (random.chance(0.6)) return phrase(random, 4);
    return random.pick<Value>([true, false, null, 0, 1, -3, 3.25, 1e21]);
  }
  if (kind >= 0.8) return Array.from({ length: random.between(0, 4) }, () => value(random, depth - 1));
  return Object.fromEntries(
    Array.from({ length: random.between(0, 4) }, () => [random.pick(words), value(random, depth - 1)]),
  );
}

/** A value as Python writes it, near enough. */
function toPython(inner: Value): string {
  if (inner === null) return 'None';
  if (typeof inner === 'boolean') return inner ? 'True' : 'False';
  if (typeof inner === 'string')
    return `'${inner.replaceAll(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}'`;
  if (Array.isArray(inner)) return `[${inner.map(toPython).join(', ')}]`;
  if (typeof inner !== 'object') return String(inner);
  return `{${Object.entries(inner)
    .map(([key, member]) => `${toPython(key)}: ${toPython(member)}`)
    .join(', ')}}`;
}

/** Damages a text in a few places. */
function damage(random: Random, text: string): string {
  let damaged = Array.from(text);
  for (let times = random.between(1, 4); times > 0 && damaged.length > 0; times -= 1) {
    const at = random.between(0, damaged.length - 1);
    const kind = random.next();
    if (kind < 0.3) damaged.splice(at, 1);
    else if (kind < 0.5) damaged.splice(at, 0, random.pick(marks));
    else if (kind < 0.65) damaged[at] = random.pick(marks);
    else if (kind < 0.75) damaged.splice(at, 0, ...damaged.slice(Math.max(0, at - random.between(1, 8)), at));
    else if (kind < 0.87) damaged.splice(at, random.between(1, 10));
    else damaged = kind < 0.94 ? damaged.slice(0, at) : damaged.slice(at);
  }
  return damaged.join('');
}

function quote(random: Random, text: string): string {
  const left = random.chance(0.3) ? random.pick(['"', "'", '“', '”', '']) : '"';
  const right = random.chance(0.1) ? random.pick(['"', "'", '”', '']) : left === '“' ? '”' : left;
  return `${left.repeat(random.chance(0.1) ? 2 : 1)}${text}${right.repeat(random.chance(0.1) ? 2 : 1)}`;
}

/** JSON of a careless writer: any quotes, missing or doubled separators and brackets, remarks. */
function loose(random: Random, depth: number): string {
  const space = () => random.pick(['', '', ' ', '\n', '  ']);
  const kind = random.next();
  if (depth <= 0 || kind < 0.5) {
    if (random.chance(0.6)) return quote(random, phrase(random, 3));
    return random.pick(random.chance(0.5) ? scalars : words);
  }
  const members = Array.from({ length: random.between(0, 4) }, () => loose(random, depth - 1));
  if (kind >= 0.8) {
    const separator = random.pick([',', ',', ',', ' ', ';']) + space();
    return `[${space()}${members.join(separator)}${random.pick(['', ','])}${space()}${random.pick([']', ']', ']', '', '}'])}`;
  }
  const pairs = members.map(
    (member) =>
      quote(random, random.pick(words)) + space() + random.pick([':', ':', ':', '=', '', '::']) + space() + member,
  );
  return `{${space()}${pairs.join(`,${space()}`)}${random.pick(['', ',', ', //c\n'])}${space()}${random.pick(['}', '}', '}', '', ']'])}`;
}

/** The arguments of a call with code in them, its quotes and line ends escaped, half escaped or not at all. */
function brokenCall(random: Random): string {
  const members = Array.from({ length: random.between(1, 4) }, () => {
    let text = random.chance(0.6)
      ? Array.from(
          { length: random.between(1, 3) },
          () => random.pick(code) + random.pick(['\n', ' ', '; ', ', ']),
        ).join('')
      : phrase(random, 5);
    const escaping = random.next();
    if (escaping < 0.25) text = text.replaceAll('\n', '\\n');
    else if (escaping < 0.45) text = JSON.stringify(text).slice(1, -1);
    else if (escaping < 0.55) text = text.replaceAll('"', '\\"');
    const left = random.pick(['"', '"', '"', '"', "'", '', '“', '"""', "'''", '`']);
    const right = random.chance(0.1) ? random.pick(['', '"']) : left === '“' ? '”' : left;
    return `"${random.pick(['code_block', 'q', 'url', 'command'])}"${random.pick([': ', ':', ' : ', '='])}${left}${text}${right}`;
  });
  const body = members.join(random.pick([', ', ',', ',\n', ' ']));
  return random.pick(['{', '{\n', '', '[{']) + body + random.pick(['}', '}', '\n}', '', ',}', '}}', '}]']);
}

/** A text that a model might write for a call's arguments, more often broken than not. */
export function brokenJson(random: Random): string {
  const kind = random.next();
  const spaces = random.pick([0, 0, 0, 1, 4]);
  let text: string;
  if (kind < 0.1) text = JSON.stringify(value(random, 3), null, spaces);
  else if (kind < 0.3) text = damage(random, JSON.stringify(value(random, 3), null, spaces));
  else if (kind < 0.36) text = toPython(value(random, 3));
  else if (kind < 0.44) text = damage(random, toPython(value(random, 3)));
  else if (kind < 0.6) text = loose(random, 3);
  else if (kind < 0.7) text = Array.from({ length: random.between(1, 25) }, () => random.pick(tokens)).join('');
  else text = random.chance(0.3) ? damage(random, brokenCall(random)) : brokenCall(random);
  if (random.chance(0.06)) text = random.pick(['```json\n', 'Here: ', 'json ', '\ufeff', '  \n']) + text;
  return random.chance(0.06) ? text + random.pick(['\n```', '\nDone.', ' ', '; end', '\n{"a": 1}', text]) : text;
}
