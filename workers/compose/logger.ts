import { pino, type Logger } from 'pino';

/** JSON lines on standard error, so that standard output stays for results. */
export function createLogger(bindings: Readonly<Record<string, unknown>>): Logger {
  return pino({ base: bindings, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}
