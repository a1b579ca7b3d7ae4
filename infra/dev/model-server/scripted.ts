import { createHash } from 'node:crypto';
import { type ChatRequest, isFinalRequest, isReaderRequest, lastText } from './chat-request.ts';
import { fillCall, generateTurn } from './generate.ts';
import { type Fault, type ModelMind, type ModelReply, plainReply, renderMcpCall } from './mind.ts';
import { parseScenario, type Scenario, type ScenarioCall, type ScenarioInput, type ScenarioReply } from './scenario.ts';

type FaultSource = Pick<ScenarioReply, 'fail' | 'cut' | 'hang'>;

/** Counts how often each fault came, for one conversation and position. */
type FaultCounter = (key: string, limit: number) => boolean;

function createFaultCounter(): FaultCounter {
  const counts = new Map<string, number>();
  return (key, limit) => {
    const count = counts.get(key) ?? 0;
    if (count >= limit) return false;
    counts.set(key, count + 1);
    return true;
  };
}

function conversationKey(request: ChatRequest): string {
  const opening = request.messages.find((message) => message.role === 'user')?.text ?? '';
  return request.session ?? createHash('sha256').update(opening).digest('hex');
}

function toFault(source: FaultSource, key: string, isDue: FaultCounter): Fault | null {
  if (source.fail !== undefined && isDue(`${key}:fail`, source.fail.times)) {
    const { status, headers } = source.fail;
    const body =
      source.fail.body ?? JSON.stringify({ error: { message: `scripted failure ${status}`, type: 'scripted' } });
    return { kind: 'status', status, headers, body };
  }
  if (source.cut !== undefined && isDue(`${key}:cut`, source.cut.times)) {
    return { kind: 'cut', afterBytes: source.cut.afterBytes };
  }
  return source.hang !== undefined && isDue(`${key}:hang`, source.hang.times) ? { kind: 'hang' } : null;
}

/** A page's beginning, for scenarios that say nothing about the reader. */
function readBeginning(request: ChatRequest): string {
  const page = lastText(request).split(/^### Page\s*$/mu)[1] ?? '';
  return `Beginning of the page: ${page.trim().slice(0, 400)}`;
}

function byPosition(replies: readonly ScenarioReply[], position: number): ScenarioReply | undefined {
  const placed = replies.find((reply) => reply.when === undefined && reply.at === position);
  return placed ?? replies.filter((reply) => reply.when === undefined && reply.at === undefined)[position];
}

function choose(scenario: Scenario, request: ChatRequest): Partial<ScenarioReply> | null {
  if (isReaderRequest(request)) return scenario.reader ?? { text: readBeginning(request) };
  const isFinal = isFinalRequest(request);
  if (isFinal && scenario.final !== undefined) return scenario.final;
  if (scenario.generate !== undefined) {
    if (isFinal) return { text: 'The turns are done. \\boxed{done}' };
    const turn = generateTurn(scenario, request);
    return { text: turn.text, calls: [...turn.calls] };
  }
  const matching = scenario.replies.find(
    (reply) =>
      reply.when !== undefined &&
      (reply.at ?? request.position) === request.position &&
      new RegExp(reply.when, 'u').test(lastText(request)),
  );
  return matching ?? byPosition(scenario.replies, request.position) ?? null;
}

function renderCalls(
  calls: readonly ScenarioCall[],
  native: boolean,
  position: number,
): Pick<ModelReply, 'text' | 'toolCalls'> {
  if (!native) return { text: calls.map(renderMcpCall).join('\n'), toolCalls: [] };
  const toolCalls = calls.map((call, index) => ({
    id: `call_${position}_${index}`,
    name: call.server === '' ? call.tool : `${call.server}-${call.tool}`,
    arguments: JSON.stringify(call.arguments),
  }));
  return { text: '', toolCalls };
}

function noReply(position: number): ModelReply {
  const message = `the scenario has no reply for position ${position}`;
  const body = JSON.stringify({ error: { message, type: 'scenario_exhausted' } });
  return { ...plainReply(''), fault: { kind: 'status', status: 400, headers: {}, body } };
}

function render(scenario: Scenario, chosen: Partial<ScenarioReply>, request: ChatRequest): ModelReply {
  const native = (chosen.dialect ?? scenario.dialect) === 'native';
  const calls = (chosen.calls ?? []).map((call) => fillCall(call, request));
  const rendered = renderCalls(calls, native, request.position);
  const chunk = chosen.chunk ?? scenario.chunk;
  return {
    text: [chosen.text ?? '', rendered.text, chosen.raw ?? ''].filter((part) => part !== '').join('\n\n'),
    toolCalls: rendered.toolCalls,
    finishReason: chosen.finish ?? (rendered.toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    delayMs: chosen.delayMs ?? scenario.delayMs,
    chunkChars: chunk.chars,
    chunkIntervalMs: chunk.intervalMs,
    fault: null,
    usage: chosen.usage ?? {},
  };
}

/** Plays a scenario. The same request gets the same reply; only faults are counted, for each conversation and position. */
export function createScriptedMind(input: ScenarioInput): ModelMind {
  const scenario = parseScenario(input);
  const isDue = createFaultCounter();
  return {
    modelName: scenario.model,
    reply: (request) => {
      const chosen = choose(scenario, request);
      if (chosen === null) return noReply(request.position);
      const reply = render(scenario, chosen, request);
      const kind = isReaderRequest(request) ? 'reader' : isFinalRequest(request) ? 'final' : 'turn';
      const key = `${conversationKey(request)}:${kind}:${request.position}`;
      const overlay = kind === 'reader' ? undefined : scenario.faults.find((fault) => fault.at === request.position);
      const fault = toFault(chosen, key, isDue) ?? toFault(overlay ?? {}, `${key}:overlay`, isDue);
      return { ...reply, delayMs: overlay?.delayMs ?? reply.delayMs, fault };
    },
  };
}
