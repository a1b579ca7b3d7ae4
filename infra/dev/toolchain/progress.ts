const PERIOD_MS = 5_000;

/** A long piece of work that a person waits for. */
export interface ProgressOptions {
  readonly title: string;
  readonly expectedMs: number;
  readonly report: (line: string) => void;
}

export interface Progress {
  /** Says what the work is at now; shown with the next line. */
  readonly at: (detail: string) => void;
}

/** Runs `work` and reports every few seconds how long it has taken, of how long it is expected to take. */
export async function withProgress<T>(options: ProgressOptions, work: (progress: Progress) => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  let detail = '';
  const tell = (): void => {
    const elapsed = formatDuration(performance.now() - startedAt);
    const about = formatDuration(options.expectedMs);
    options.report(`${options.title}: ${elapsed} of about ${about}${detail === '' ? '' : `, ${detail}`}`);
  };
  const timer = setInterval(tell, PERIOD_MS);
  try {
    return await work({ at: (next) => void (detail = next) });
  } finally {
    clearInterval(timer);
  }
}

/** `45 s`, `5 min`, `1 min 5 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (minutes === 0) return `${rest} s`;
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}
