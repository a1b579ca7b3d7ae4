/** One value of a Prometheus exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const samplePattern = /^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+(\S+)/u;
const labelPattern = /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"/gu;

function readLabels(text: string): Record<string, string> {
  const pairs = [...text.matchAll(labelPattern)].map(([, name = '', value = '']) => [name, unescape(value)] as const);
  return Object.fromEntries(pairs);
}

function unescape(value: string): string {
  return value.replaceAll(/\\(.)/gu, (_, character: string) => (character === 'n' ? '\n' : character));
}

/**
 * Reads a Prometheus exposition in its text form.
 *
 * *Contract:* total: lines that are no samples are passed over.
 */
export function readExposition(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return [];
    const [, name, labels = '', number] = samplePattern.exec(line) ?? [];
    const value = Number(number);
    return name === undefined || Number.isNaN(value) ? [] : [{ name, labels: readLabels(labels), value }];
  });
}
