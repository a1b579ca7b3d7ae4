import { type ApiClient, createApiClient } from './api-client.ts';
import { findApi } from './api-address.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly api?: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly client: ApiClient;
  readonly json: boolean;
  /** One JSON value on standard output. */
  readonly printJson: (value: unknown) => void;
  /** A line for a person: standard output, or standard error beside JSON. */
  readonly say: (line: string) => void;
}

/** Resolves the options that all commands share. @throws AppError `Config.Invalid` */
export function createCommandContext(terminal: Terminal, options: CommonOptions): CommandContext {
  const json = options.json === true;
  return {
    terminal,
    client: createApiClient(findApi(options.api, terminal.env)),
    json,
    printJson: (value) => terminal.print(JSON.stringify(value)),
    say: json ? terminal.tell : terminal.print,
  };
}
