import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Every file that is loaded with `file`; a dynamic import is loaded later, and does not count. */
function readLoaded(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const [, target] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\b(?! type\b)[^;]*?from '(\.[^']+)'/gm,
  )) {
    if (target !== undefined) readLoaded(resolve(dirname(file), target), loaded);
  }
  return loaded;
}

describe('cli/main.ts', () => {
  it('what is loaded at the start: the command line and the domain, no development tool, worker or API code', () => {
    const loaded = [...readLoaded(join(root, 'cli/main.ts'))].map((file) => file.slice(root.length + 1));
    expect(loaded.length).toBeGreaterThan(15);
    expect(loaded.filter((file) => !/^(cli|domain)\//.test(file))).toEqual([]);
  });
});
