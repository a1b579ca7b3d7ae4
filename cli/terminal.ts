/** Where a command writes, and what it reads of the world; injected, so that tests see all of it. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results: standard output. Takes one line without its end. */
  readonly print: (line: string) => void;
  /** Progress and errors: standard error. */
  readonly tell: (line: string) => void;
  /** Calls `handle` at each Ctrl-C or SIGTERM until the returned function is called. */
  readonly onInterrupt: (handle: () => void) => () => void;
}

const write = (stream: NodeJS.WriteStream) => (line: string) => void stream.write(`${line}\n`);

/** The terminal of this process. */
export function createTerminal(): Terminal {
  return {
    env: process.env,
    print: write(process.stdout),
    tell: write(process.stderr),
    onInterrupt: (handle) => {
      process.on('SIGINT', handle);
      process.on('SIGTERM', handle);
      return () => {
        process.off('SIGINT', handle);
        process.off('SIGTERM', handle);
      };
    },
  };
}
