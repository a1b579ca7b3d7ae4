import { parseArgs } from 'node:util';
import { startToolServer } from './server.ts';

const { values } = parseArgs({ options: { port: { type: 'string' }, log: { type: 'string' } } });
const server = await startToolServer({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.log === undefined ? {} : { logFile: values.log }),
});
process.stdout.write(`${JSON.stringify({ listening: server.url })}\n`);
process.once('SIGTERM', () => void server.close());
process.once('SIGINT', () => void server.close());
