import type { ChatRequest } from './chat-request.ts';
import type { Scenario, ScenarioCall } from './scenario.ts';
import { text, w600 } from './w600.ts';

/** What a generated turn says: a text, and its calls. */
export interface GeneratedTurn {
  readonly text: string;
  readonly calls: readonly ScenarioCall[];
}

/** The last sandbox id that the conversation shows, in an observation or in an own call. */
function lastSandbox(request: ChatRequest): string {
  for (const message of request.messages.toReversed()) {
    const found = [...message.text.matchAll(/sandbox_id"?:\s*"?([A-Za-z0-9_-]+)/gu)].at(-1)?.[1];
    if (found !== undefined && message.role !== 'system') return found;
  }
  return 'none';
}

function fill(value: unknown, places: { seq: number; sandbox: () => string }): unknown {
  if (value === '{seq}') return places.seq;
  if (typeof value === 'string') {
    return value.replaceAll('{seq}', String(places.seq)).replaceAll('{sandbox}', () => places.sandbox());
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, places));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, places)]));
}

/** The call with `{seq}` (the position) and `{sandbox}` (the last sandbox id in the conversation) filled in. */
export function fillCall(call: ScenarioCall, request: ChatRequest): ScenarioCall {
  const places = { seq: request.position, sandbox: () => lastSandbox(request) };
  const values = Object.entries(call.arguments).map(([key, value]) => [key, fill(value, places)]);
  return { ...call, arguments: Object.fromEntries(values) };
}

const done: GeneratedTurn = { text: 'All turns are done; no further call is needed.', calls: [] };

/** The turn at the request's position: calls until `turns`, then none. */
export function generateTurn(
  scenario: Extract<Scenario, { generate: 'w600' | 'loop' }>,
  request: ChatRequest,
): GeneratedTurn {
  const { position } = request;
  if (position >= scenario.turns) return done;
  if (scenario.generate === 'w600') {
    return { text: text(position, w600.modelBytes), calls: [scenario.tool] };
  }
  const { tools, callsPerTurn, textBytes } = scenario;
  const calls = Array.from(
    { length: callsPerTurn },
    (_, index) => tools[(position * callsPerTurn + index) % tools.length],
  ).filter((call) => call !== undefined);
  return { text: textBytes === 0 ? `Turn ${position}.` : text(position, textBytes), calls };
}
