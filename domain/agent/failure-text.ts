import { trimPython } from './text/python-space.ts';

const thoughtStart = '<think>';
const thoughtEnd = '</think>';

/** The text up to its first call, trimmed. */
function beforeCall(text: string): string {
  const call = text.indexOf('<use_mcp_tool>');
  return trimPython(call < 0 ? text : text.slice(0, call));
}

/**
 * The useful part of a failure summary: what stands behind its thought and before a call, else the thought itself.
 *
 * A text without a whole thought is taken from its beginning. Source: MiroThinker protocol §5.3.
 */
export function extractFailureSummary(text: string): string {
  const start = text.indexOf(thoughtStart);
  const end = start < 0 ? -1 : text.indexOf(thoughtEnd, start + thoughtStart.length);
  if (end < 0) return beforeCall(text);
  const summary = beforeCall(text.slice(end + thoughtEnd.length));
  return summary === '' ? trimPython(text.slice(start + thoughtStart.length, end)) : summary;
}
