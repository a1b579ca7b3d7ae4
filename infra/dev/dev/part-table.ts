import type { Stack, StackPart } from '../stack/stack.ts';

const PROBE_MS = 2_000;

/** Does the part answer? Temporal speaks gRPC, and has answered before the table is shown. */
async function probe(part: StackPart): Promise<string> {
  if (!part.url.startsWith('http')) return 'up';
  try {
    const path = part.name === 'stand-in model' ? `${part.url}/models` : part.url;
    const response = await fetch(path, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
    return response.status < 500 ? 'up' : `answers ${response.status}`;
  } catch {
    return 'silent';
  }
}

/** The parts of a stack with address and health, and what a person should know and can do next. */
export async function toPartTable(stack: Stack): Promise<string[]> {
  const rows = await Promise.all(stack.parts.map(async (part) => ({ ...part, health: await probe(part) })));
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const urlWidth = Math.max(...rows.map((row) => row.url.length));
  return [
    '',
    `  ${'part'.padEnd(nameWidth)}  ${'address'.padEnd(urlWidth)}  health  process`,
    ...rows.map(
      (row) => `  ${row.name.padEnd(nameWidth)}  ${row.url.padEnd(urlWidth)}  ${row.health.padEnd(6)}  ${row.pid}`,
    ),
    '',
    ...toNotes(stack).map((note) => `  ${note}`),
    '',
  ];
}

function toNotes(stack: Stack): string[] {
  const allowed = stack.fetchAllow.length === 0 ? 'none' : stack.fetchAllow.join(', ');
  return [
    stack.standIn
      ? 'model: a rule-based STAND-IN, no language model; set OPENAI_BASE_URL and LONGHAUL_MODEL for a real one'
      : `model: ${stack.urls.model}`,
    `store: ${stack.store}`,
    `addresses of this machine that pages may be fetched from: ${allowed}`,
    'ask something:  node bin/longhaul research "Who kept Skarrow Light?"   (in another terminal; Ctrl-C here ends all)',
  ];
}
