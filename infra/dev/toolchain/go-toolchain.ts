import { findOnPath, isExecutable } from './find-on-path.ts';
import { runCommand } from './run-command.ts';
import { compareVersions } from './tool.ts';

/** The oldest Go that fetches the toolchain which a module asks for. *Source:* Go 1.21 release notes, "Toolchains". */
export const minimumGoVersion = '1.21';

export interface GoToolchain {
  readonly path: string;
  readonly version: string;
}

/** The Go on PATH, else where its own installer puts it; null with the reason when there is none that serves. */
export async function findGo(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly go: GoToolchain | null; readonly reason: string }> {
  const fallback = '/usr/local/go/bin/go';
  const path = findOnPath('go', env) ?? (env.PATH !== undefined && isExecutable(fallback) ? fallback : null);
  if (path === null) return { go: null, reason: `no Go ${minimumGoVersion} or newer on PATH` };
  const result = await runCommand({ command: path, args: ['version'], env: toGoEnvironment(env) });
  const version = /go version go(\d+(?:\.\d+)*)/.exec(result.output)?.[1];
  if (!result.ok || version === undefined) return { go: null, reason: `${path} version failed (${result.reason})` };
  if (compareVersions(version, minimumGoVersion) < 0) {
    return { go: null, reason: `${path} is Go ${version}, and ${minimumGoVersion} or newer is needed` };
  }
  return { go: { path, version }, reason: '' };
}

/** The environment of every Go command: pinned modules only, and the toolchain that the module names. */
export function toGoEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    CGO_ENABLED: '0',
    GOFLAGS: '-buildvcs=false -mod=readonly',
    GOTOOLCHAIN: env.GOTOOLCHAIN ?? 'auto',
    GOWORK: 'off',
  };
}
