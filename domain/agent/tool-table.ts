/** The tools of a run as its prompt lists them: servers in order, each with its tools. */
export type ToolTable = readonly { readonly server: string; readonly tools: readonly string[] }[];

/** The server that offers a tool; the last one of several, as a map read from the prompt has it. */
export function serverOf(table: ToolTable, tool: string): string | undefined {
  return table.findLast(({ tools }) => tools.includes(tool))?.server;
}
