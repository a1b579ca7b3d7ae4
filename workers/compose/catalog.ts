import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { type HttpTool, httpToolSchema, toToolDefinition } from '../../activities/tools/adapters/http-tool.ts';
import { AppError } from '../../domain/errors.ts';
import { mirothinkerV1, type Profile, profileSchema } from '../../domain/profile.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import type { ToolDefinition } from '../../domain/tools.ts';

/** What an installation offers: agents and tools. */
export interface Catalog {
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly tools: readonly ToolDefinition[];
}

const toolsFileSchema = z.strictObject({ tools: z.array(httpToolSchema) });
const profilesFileSchema = z.strictObject({ profiles: z.array(profileSchema) });

function readYaml<T>(file: string, schema: z.ZodType<T>): T {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new AppError('Config.Invalid', {
      what: `${file} cannot be read as YAML (${cause instanceof Error ? cause.message : ''})`,
      cause,
    });
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const rules = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new AppError('Config.Invalid', { what: `${file} is not of its schema:\n  ${rules.join('\n  ')}\n` });
}

/** The operator's own tools. @throws AppError `Config.Invalid` naming file, field and rule */
export function loadHttpTools(toolsFile: string | null): HttpTool[] {
  if (toolsFile === null) return [];
  const { tools } = readYaml(toolsFile, toolsFileSchema);
  const names = new Set(builtInTools().map((tool) => tool.name));
  for (const tool of tools) {
    if (names.has(tool.name))
      throw new AppError('Config.Invalid', { what: `${toolsFile}: there are two tools named ${tool.name}` });
    names.add(tool.name);
  }
  return tools;
}

/** Agents and tools: the built-in ones and those of the operator's files. */
export function loadCatalog(config: {
  readonly profilesFile: string | null;
  readonly toolsFile: string | null;
  readonly model: string;
  readonly readerModel: string | null;
}): Catalog {
  const agent = mirothinkerV1(config.model);
  const builtIn = { ...agent, reader: { ...agent.reader, name: config.readerModel ?? config.model } };
  const own = config.profilesFile === null ? [] : readYaml(config.profilesFile, profilesFileSchema).profiles;
  const tools = [...builtInTools(), ...loadHttpTools(config.toolsFile).map(toToolDefinition)];
  return { profiles: new Map([builtIn, ...own].map((profile) => [profile.name, profile])), tools };
}
