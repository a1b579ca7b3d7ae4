import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ToolRecipe } from '../../../../infra/dev/toolchain/tool.ts';

/** A machine in a temporary folder: its PATH, its cache, and a tool's pinned modules. */
export interface FakeMachine {
  readonly root: string;
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
  readonly recipe: ToolRecipe;
  readonly report: (line: string) => void;
  readonly lines: string[];
  /** One line for each time that the fake Go built. */
  readonly countBuilds: () => Promise<number>;
}

/**
 * Parses what {@link writeTool}'s executables print.
 *
 * @public imported by the processes that tests start, from a text
 */
export function parseFakeVersion(output: string): string | null {
  return /fake tool (\d+\.\d+)/.exec(output)?.[1] ?? null;
}

export async function makeMachine(): Promise<FakeMachine> {
  const root = await mkdtemp(join(tmpdir(), 'longhaul-tools-'));
  const bin = join(root, 'bin');
  const moduleDirectory = join(root, 'module');
  for (const folder of [bin, moduleDirectory, join(root, 'go-cache')]) await mkdir(folder);
  await writeFile(join(moduleDirectory, 'go.mod'), 'module fake\n');
  await writeFile(join(moduleDirectory, 'go.sum'), 'fake v1 h1:x\n');
  const lines: string[] = [];
  return {
    root,
    bin,
    env: { PATH: bin, HOME: root, XDG_CACHE_HOME: join(root, 'cache') },
    recipe: {
      title: 'fake tool',
      executable: 'fake',
      variable: 'FAKE_TOOL',
      versionArguments: ['--version'],
      parseVersion: parseFakeVersion,
      minimumVersion: '2.0',
      moduleDirectory,
      goPackage: 'example.org/fake',
      expectedMs: 1_000,
      buildBytes: 1,
    },
    report: (line) => void lines.push(line),
    lines,
    countBuilds: async () => {
      const log = await readFile(join(root, 'builds'), 'utf8').catch(() => '');
      return log.split('\n').filter((line) => line !== '').length;
    },
  };
}

export async function writeScript(path: string, body: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

export function writeTool(path: string, version: string): Promise<string> {
  return writeScript(path, `echo "fake tool ${version}"`);
}

/** A Go that "builds" a tool of version 5.0, after `beforeBuild`. */
export function writeGo(
  machine: FakeMachine,
  options: { readonly version?: string; readonly beforeBuild?: string } = {},
): Promise<string> {
  const body = `
case "$1" in
version) echo "go version go${options.version ?? '1.26.4'} linux/amd64" ;;
env) echo "${machine.root}/go-cache" ;;
build)
  echo built >> "${machine.root}/builds"
  ${options.beforeBuild ?? ':'}
  while [ "$1" != -o ]; do shift; done
  printf '#!/bin/sh\\necho "fake tool 5.0"\\n' > "$2"
  ;;
esac`;
  return writeScript(join(machine.bin, 'go'), body);
}
