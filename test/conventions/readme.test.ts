import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSource, root } from '../support/repository.ts';

/** Where what a block of README runs is executed: its first line, and the test. A block that is not here fails. */
const executedBy: Readonly<Record<string, string>> = {
  'npm ci && npm run demo': 'test/infra/demo.integration.test.ts',
  'npm ci && npm test': '.ci/run',
  'npm run dev': 'test/infra/dev-command.integration.test.ts',
  'node bin/longhaul research "Which lighthouse of the Torvane Islands was lit first?"':
    'test/cli/command-line.test.ts',
  "curl -s http://127.0.0.1:8700/v1/research -H 'content-type: application/json' -H 'idempotency-key: my-first' -d '{\"input\": \"Who made the lens of Skarrow Light?\"}'":
    'test/api/api.integration.test.ts',
  'npm run doctor': 'test/infra/dev/doctor.test.ts',
};

/** First lines of the blocks that a reader would paste into a shell. */
function blocksOf(text: string): string[] {
  return [...text.matchAll(/^```bash\n([^\n]+)/gmu)].map(([, first]) => first ?? '');
}

describe('the README', () => {
  const blocks = blocksOf(readSource('README.md'));

  it('its blocks: each is known, and is executed somewhere', () => {
    expect(blocks.length).toBeGreaterThan(2);
    expect(blocks.filter((first) => executedBy[first] === undefined)).toEqual([]);
  });

  it('what is said to execute a block: exists, and names no block that is gone', () => {
    for (const [first, place] of Object.entries(executedBy)) {
      expect(blocks).toContain(first);
      expect(existsSync(join(root, place))).toBe(true);
    }
  });

  it('fences of other shells: none, or they would escape this test', () => {
    expect([...readSource('README.md').matchAll(/^```(sh|shell|console|zsh)$/gmu)]).toEqual([]);
  });
});
