import { pythonSpace } from './text/python-space.ts';
import { serverOf, type ToolTable } from './tool-table.ts';

const pythonTool = 'run_python_code';

/** What models write for {@link pythonTool}. */
const wrongPythonTags = /<tool_name>(?:python|python_code)<\/tool_name>/g;

/** Tools whose server models often get wrong. Source: MiroThinker protocol §3.2. */
const misplacedTools = [pythonTool, 'google_search', 'scrape_and_extract_info'] as const;

const controls: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** A server's name in a replacement text of Python, which reads backslashes: `\1` and `\g<1>` are what was matched behind the name. */
function expandName(server: string, behind: string): string {
  return server.replaceAll(/\\(?:g<1>|1(?!\d)|[abfnrtv\\])/g, (escape) => controls[escape.slice(1)] ?? behind);
}

function fixServer(text: string, tool: string, server: string): string {
  if (text.includes(`<server_name>${server}</server_name>`)) return text;
  const wrong = new RegExp(`<server_name>[^<]+</server_name>([${pythonSpace}]*<tool_name>${tool}</tool_name>)`, 'g');
  return text.replaceAll(
    wrong,
    (_, behind: string) => `<server_name>${expandName(server, behind)}</server_name>${behind}`,
  );
}

/**
 * Repairs the names that models often get wrong, in the text of a reply: the Python tool's name, and the servers of three tools.
 *
 * A tool that the table lacks is left alone; so is a text that names the right server anywhere.
 *
 * *Contract:* pure, linear, idempotent. Source: MiroThinker protocol §3.2.
 */
export function fixNames(text: string, table: ToolTable): string {
  const hasPython = serverOf(table, pythonTool) !== undefined;
  let fixed = hasPython ? text.replaceAll(wrongPythonTags, `<tool_name>${pythonTool}</tool_name>`) : text;
  for (const tool of misplacedTools) {
    const server = serverOf(table, tool);
    if (server !== undefined && fixed.includes(`<tool_name>${tool}</tool_name>`))
      fixed = fixServer(fixed, tool, server);
  }
  return fixed;
}
