/** Where an executable was found or how it was made, in the order in which they are tried. */
export type ToolSource = 'env' | 'path' | 'cache' | 'download' | 'build';

/** An executable that answered with its version. */
export interface Tool {
  /** Absolute. */
  readonly path: string;
  readonly version: string;
  readonly source: ToolSource;
}

export interface ToolOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Takes one line of progress for a person. */
  readonly report: (line: string) => void;
}

/** What makes one tool itself. */
export interface ToolRecipe {
  /** What a person calls it, such as `Temporal server`. */
  readonly title: string;
  /** File name of the executable. */
  readonly executable: string;
  /** Environment variable that names an executable to use instead of all others. */
  readonly variable: string;
  readonly versionArguments: readonly string[];
  /** Reads the version from what the executable printed; null when it is some other program. */
  readonly parseVersion: (output: string) => string | null;
  /** Oldest version accepted from PATH; absent: any. */
  readonly minimumVersion?: string;
  /** Folder with the pinned `go.mod` and `go.sum`. */
  readonly moduleDirectory: string;
  /** Go package of the executable. */
  readonly goPackage: string;
  /** How long the first build takes, for the progress lines. */
  readonly expectedMs: number;
  /** Free disk that a build from empty caches needs. */
  readonly buildBytes: number;
  /** Fetches a ready-made executable to `target`; absent: there is none to fetch. May throw; the message says why. */
  readonly download?: (request: ToolDownload) => Promise<void>;
}

export interface ToolDownload extends ToolOptions {
  /** Where the executable is written; its folder is empty and belongs to this download. */
  readonly target: string;
}

/** Compares dotted numbers: negative when `left` is older. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split('.').map((part) => Number.parseInt(part, 10) || 0));
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let i = 0; i < length; i += 1) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
