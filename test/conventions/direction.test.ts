import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readSource, root } from '../support/repository.ts';

const configSchema = z.looseObject({ options: z.looseObject({}), ignorePatterns: z.array(z.string()) });
const reportSchema = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

/** A file with one import, and whether the direction rules refuse it. */
const plants = [
  { file: 'domain/a.ts', from: 'node:fs', refused: true },
  { file: 'domain/b.ts', from: '@temporalio/workflow', refused: true },
  { file: 'domain/c.ts', from: '../activities/steps/ports.ts', refused: true },
  { file: 'domain/dialects/d.ts', from: '../../workers/main.ts', refused: true },
  { file: 'domain/e.ts', from: 'zod', refused: false },
  { file: 'domain/dialects/f.ts', from: '../tools.ts', refused: false },
  { file: 'workflows/a.ts', from: '../activities/steps/prompt.ts', refused: true },
  { file: 'workflows/b.ts', from: '../activities/model/adapters/openai.ts', refused: true },
  { file: 'workflows/c.ts', from: 'node:crypto', refused: true },
  { file: 'workflows/d.ts', from: '@temporalio/client', refused: true },
  { file: 'workflows/e.ts', from: '../workers/main.ts', refused: true },
  { file: 'workflows/f.ts', from: '../activities/steps/contract.ts', refused: false },
  { file: 'workflows/g.ts', from: '../domain/carry.ts', refused: false },
  { file: 'activities/steps/a.ts', from: '../../workers/main.ts', refused: true },
  { file: 'activities/steps/b.ts', from: '../../workflows/contract.ts', refused: true },
  { file: 'activities/steps/c.ts', from: '../model/adapters/openai.ts', refused: true },
  { file: 'activities/steps/d.ts', from: '@temporalio/client', refused: true },
  { file: 'activities/model/adapters/e.ts', from: '../../../infra/dev/ports.ts', refused: true },
  { file: 'activities/steps/f.ts', from: '../../domain/record.ts', refused: false },
  { file: 'activities/model/adapters/g.ts', from: '../ports.ts', refused: false },
] as const;

let directory: string;
let refused: Set<string>;

/** The files that today's lint rules refuse among planted ones, in a folder of their own with the same names. */
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'longhaul-lint-'));
  // Types need the whole project; the direction rules do not.
  const config = configSchema.parse(JSON.parse(readSource('.oxlintrc.json')));
  writeFileSync(
    join(directory, '.oxlintrc.json'),
    JSON.stringify({ ...config, options: { ...config.options, typeAware: false } }),
  );
  for (const { file, from } of plants) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), `export * as planted from '${from}';\n`);
  }
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--format', 'json', '.'], {
    cwd: directory,
    encoding: 'utf8',
  });
  const { diagnostics } = reportSchema.parse(JSON.parse(stdout));
  refused = new Set(
    diagnostics.filter(({ code }) => code.includes('no-restricted-imports')).map(({ filename }) => filename),
  );
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('the direction rules', () => {
  it.each(plants.filter((plant) => plant.refused))('$file importing $from: refused', ({ file }) => {
    expect([...refused]).toContain(file);
  });

  it.each(plants.filter((plant) => !plant.refused))('$file importing $from: allowed', ({ file }) => {
    expect([...refused]).not.toContain(file);
  });
});
