import { isJsonObject, type JsonValue } from './arguments/json-value.ts';
import { repairArguments } from './arguments/repair-arguments.ts';
import { pythonSpace, trimPython } from './text/python-space.ts';

/** A call as a reply writes it. */
export interface WrittenCall {
  readonly server: string;
  readonly tool: string;
  /** Whatever the argument text gives; it need not be an object. */
  readonly arguments: JsonValue;
}

/** What a reply says: the calls in it, and what a reader is shown of it. */
export interface ReadCalls {
  readonly calls: readonly WrittenCall[];
  /** The text before the first call's opening tag, trimmed. */
  readonly shownText: string;
}

const space = `[${pythonSpace}]*`;
const opening = new RegExp(`<use_mcp_tool>${space}<server_name>`, 'g');
const afterServer = new RegExp(`</server_name>${space}<tool_name>`, 'g');
const afterTool = new RegExp(`</tool_name>${space}<arguments>`, 'g');
const closing = new RegExp(`</arguments>${space}</use_mcp_tool>`, 'g');

interface Span {
  readonly start: number;
  readonly end: number;
}

function findFrom(text: string, pattern: RegExp, from: number): Span | null {
  pattern.lastIndex = from;
  const match = pattern.exec(text);
  return match === null ? null : { start: match.index, end: pattern.lastIndex };
}

/** The places of the next call's tags, or null when no call is whole from here on. */
function findCall(text: string, from: number): readonly [Span, Span, Span, Span] | null {
  const spans: Span[] = [];
  let position = from;
  for (const pattern of [opening, afterServer, afterTool, closing]) {
    const span = findFrom(text, pattern, position);
    if (span === null) return null;
    spans.push(span);
    position = span.end;
  }
  const [first, second, third, fourth] = spans;
  return first && second && third && fourth ? [first, second, third, fourth] : null;
}

/** Members of the object itself that are null say nothing. */
function withoutNulls(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/**
 * Every call of a reply, thoughts included, in text order.
 *
 * Finds what the original's pattern with its lazy groups finds: each part of a call ends at the first place after which the rest
 * can still follow, and that is the first one of all, or there is no call. So one walk is enough, and time is linear.
 *
 * *Contract:* pure, never throws. Source: MiroThinker protocol §3.1.
 */
export function parseCalls(text: string): ReadCalls {
  const calls: WrittenCall[] = [];
  for (let call = findCall(text, 0); call !== null; call = findCall(text, call[3].end)) {
    const [open, server, tool, close] = call;
    calls.push({
      server: trimPython(text.slice(open.end, server.start)),
      tool: trimPython(text.slice(server.end, tool.start)),
      arguments: withoutNulls(repairArguments(trimPython(text.slice(tool.end, close.start)))),
    });
  }
  const shown = text.indexOf('<use_mcp_tool>');
  return { calls, shownText: trimPython(shown < 0 ? text : text.slice(0, shown)) };
}
