import { closeSync, openSync, writeSync } from 'node:fs';

/** How a request ended: answered whole, cut by us on purpose, or left by the client; `open` while it lasts. */
export type RequestOutcome = 'open' | 'complete' | 'cut' | 'aborted';

/** What the log knows of every request besides its own facts. */
export interface RequestEntry {
  readonly index: number;
  /** When it arrived, ISO 8601. */
  readonly at: string;
  readonly status: number | null;
  readonly outcome: RequestOutcome;
  /** Milliseconds from arrival to end; null while open. */
  readonly ms: number | null;
}

/** Remembers every request received, and writes a line when one arrives and another when it ended. */
export interface RequestLog<Facts extends object> {
  readonly begin: (facts: Facts) => number;
  readonly end: (index: number, result: { status: number; outcome: RequestOutcome }) => void;
  readonly entries: () => readonly (Facts & RequestEntry)[];
  readonly close: () => void;
}

/** A log in memory and, with `logFile`, as JSON lines; a line is written before the request is worked on. */
export function createRequestLog<Facts extends object>(logFile?: string): RequestLog<Facts> {
  const entries: (Facts & RequestEntry)[] = [];
  const startedAt: number[] = [];
  let file = logFile === undefined ? null : openSync(logFile, 'a');
  const write = (line: object): void => {
    if (file !== null) writeSync(file, `${JSON.stringify(line)}\n`);
  };
  return {
    begin: (facts) => {
      const entry = {
        index: entries.length,
        at: new Date().toISOString(),
        ...facts,
        status: null,
        outcome: 'open' as const,
        ms: null,
      };
      entries.push(entry);
      startedAt.push(performance.now());
      const { status: _status, outcome: _outcome, ms: _ms, ...arrival } = entry;
      write({ event: 'received', ...arrival });
      return entry.index;
    },
    end: (index, result) => {
      const entry = entries[index];
      if (entry === undefined || entry.outcome !== 'open') return;
      const ms = Math.round((performance.now() - (startedAt[index] ?? 0)) * 10) / 10;
      entries[index] = { ...entry, ...result, ms };
      write({ event: 'ended', index, ...result, ms });
    },
    entries: () => entries.slice(),
    close: () => {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}
