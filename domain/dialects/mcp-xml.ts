import type { ToolCall, ToolDefinition } from '../tools.ts';
import type { Dialect, ParsedReply, ToolOutcome } from './dialect.ts';

/** Longest observation in code points, and the note at a cut. Source: MiroThinker protocol §3.4. */
const maxObservationChars = 100_000;
const truncationNote = '\n... [Result truncated]';

/** Tags that mark a reply as an attempt to call a tool. Source: MiroThinker protocol §3.3. */
const protocolTags = [
  '<use_mcp_tool>',
  '</use_mcp_tool>',
  '<server_name>',
  '</server_name>',
  '<arguments>',
  '</arguments>',
];

/** The text between `open` and `close` from `from` on, and where it ended; null when either tag is missing. */
function between(
  text: string,
  tags: { open: string; close: string },
  from: number,
): { value: string; end: number } | null {
  const start = text.indexOf(tags.open, from);
  if (start < 0) return null;
  const end = text.indexOf(tags.close, start + tags.open.length);
  if (end < 0) return null;
  return { value: text.slice(start + tags.open.length, end).trim(), end: end + tags.close.length };
}

/** Brackets inside one another in arguments; beyond this they cannot be written as JSON again without ending the stack. */
const maxNesting = 200;

/** How deep the brackets of a JSON text go; those inside its strings do not count. */
function nestingOf(source: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < source.length; index += 1) {
    const character = source[index];
    if (inString) {
      if (character === '\\') index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') deepest = Math.max(deepest, (depth += 1));
    else if (character === '}' || character === ']') depth -= 1;
  }
  return deepest;
}

function parseArguments(source: string): Pick<ToolCall, 'arguments' | 'argumentsError'> {
  if (nestingOf(source) > maxNesting) {
    return { arguments: source, argumentsError: `the arguments are nested more than ${maxNesting} deep` };
  }
  try {
    return { arguments: JSON.parse(source), argumentsError: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unreadable';
    return { arguments: source, argumentsError: `the arguments are not valid JSON (${reason})` };
  }
}

function parseCall(block: string): ToolCall | null {
  const server = between(block, { open: '<server_name>', close: '</server_name>' }, 0);
  if (server === null) return null;
  const tool = between(block, { open: '<tool_name>', close: '</tool_name>' }, server.end);
  if (tool === null) return null;
  const source = between(block, { open: '<arguments>', close: '</arguments>' }, tool.end);
  if (source === null) return null;
  return { server: server.value, tool: tool.value, ...parseArguments(source.value) };
}

/** Every call of a reply, in text order; linear in the text's length, whatever the text. */
function parseReply(text: string): ParsedReply {
  const calls: ToolCall[] = [];
  for (let position = 0; ;) {
    const block = between(text, { open: '<use_mcp_tool>', close: '</use_mcp_tool>' }, position);
    if (block === null) break;
    const call = parseCall(block.value);
    if (call !== null) calls.push(call);
    position = block.end;
  }
  const malformed = calls.length === 0 && protocolTags.some((tag) => text.includes(tag));
  return { calls, malformed };
}

/** The first `limit` code points, with the note when something was cut. */
export function truncateCodePoints(text: string, limit: number, note: string): string {
  if (text.length <= limit) return text;
  let index = 0;
  for (let count = 0; count < limit && index < text.length; count += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index >= text.length ? text : text.slice(0, index) + note;
}

function formatObservation(call: { readonly server: string; readonly tool: string }, outcome: ToolOutcome): string {
  if (outcome.status === 'failed')
    return `Tool call to ${call.tool} on ${call.server} failed. Error: ${outcome.message}`;
  if (outcome.text === '') return `Tool call to ${call.tool} on ${call.server} finished without output.`;
  return truncateCodePoints(outcome.text, maxObservationChars, truncationNote);
}

function describeTools(tools: readonly ToolDefinition[]): string {
  const servers = [...new Set(tools.map((tool) => tool.server))];
  return servers
    .map((server) => {
      const own = tools.filter((tool) => tool.server === server);
      const described = own.map(
        (tool) =>
          `### Tool name: ${tool.name}\nDescription: ${tool.description}\nInput JSON schema: ${JSON.stringify(tool.inputSchema)}`,
      );
      return `## Server name: ${server}\n${described.join('\n\n')}`;
    })
    .join('\n\n');
}

function systemPrompt(context: { readonly tools: readonly ToolDefinition[]; readonly date: string }): string {
  return `You have the tools below and may use one in each message. The result of a call comes with the next user message. Work step by step: choose each call in the light of what the earlier ones returned.

Today is: ${context.date}

# Tool-Use Formatting Instructions

A call is written with XML-style tags. The tools come from MCP servers (Model Context Protocol). Each call names:
- server_name: the server that offers the tool
- tool_name: the tool
- arguments: one valid JSON object with the tool's parameters; quotes inside texts are escaped

<use_mcp_tool>
<server_name>server name here</server_name>
<tool_name>tool name here</tool_name>
<arguments>
{
  "parameter": "value"
}
</arguments>
</use_mcp_tool>

Important:
- The call stands at the end of the message, at top level, not nested in another tag.
- The message is read by a program: keep the tags exactly as shown.
- Texts and numbers are given as they are, lists and objects as JSON.

Here are the tools:

${describeTools(context.tools)}

# General Objective

You solve a task step by step: break it into clear parts and work through them in order, with tools where they help.

# Agent Specific Objective

Answer the user's question completely and with good reasons, from what the tools returned. Check important facts in more than one place.`.trim();
}

function taskMessage(question: string): string {
  return `${question}\n\nFollow the requested format of the answer strictly, and wrap the final answer in \\boxed{}.`;
}

function finalPrompt(question: string): string {
  return `This is the final answer request.

Summarise the work above and give the FINAL ANSWER. Do not call any tool. When a clear answer was found already, do not derive it again: only put it into the requested form. When it is not certain, give the best supported guess and say so.

The question was: "${question}"

Wrap the final answer in \\boxed{}. It is a number, as few words as possible, or a comma-separated list. Obey every format instruction of the question: order, units, rounding, decimals. Write numbers with digits, without thousands separators, and without units unless the question asks for them. Leave out articles, abbreviations, closing punctuation and invisible characters.`;
}

/**
 * MiroThinker's protocol: calls as XML in the reply's text, observations as user messages.
 *
 * Source: MiroThinker protocol §3. Prose is ours; tags, headings and field labels are protocol.
 */
export const mcpXml: Dialect = {
  systemPrompt,
  taskMessage,
  parseReply,
  formatObservation,
  joinObservations: (observations) => observations.join('\n'),
  omitted: 'Tool result is omitted to save tokens.',
  finalPrompt,
};
