import type { Decision } from './decision.ts';

type Decisions = Readonly<Record<string, Decision>>;

const reading = async (): Promise<Decisions> => (await import('./reading.ts')).decisions;
const tools = async (): Promise<Decisions> => (await import('./tools.ts')).decisions;
const context = async (): Promise<Decisions> => (await import('./context.ts')).decisions;
const judges = async (): Promise<Decisions> => (await import('./judges.ts')).decisions;
const attempts = async (): Promise<Decisions> => (await import('./attempts.ts')).decisions;

/** Where each function is; only the one that is asked for is loaded. */
const functions: Readonly<Record<string, () => Promise<Decisions>>> = {
  parse: reading,
  repair: reading,
  markers: reading,
  'no-call': reading,
  'fix-names': reading,
  'fix-arguments': reading,
  boxed: reading,
  'failure-text': reading,
  'dedup-key': tools,
  'rollback-result': tools,
  observation: tools,
  'sandbox-text': tools,
  'blocked-url': tools,
  'decode-urls': tools,
  'search-result': tools,
  retain: context,
  'context-check': context,
  'estimate-tokens': async () => (await import('./estimate-tokens.ts')).decisions,
  'model-call': async () => (await import('./model-call.ts')).decisions,
  'final-decision': attempts,
  restarts: attempts,
  episode: attempts,
  'score-gaia': judges,
  judge: judges,
};

/** The names of all functions. */
export const functionNames: readonly string[] = Object.keys(functions);

/** Loads a function; undefined when there is none of the name. */
export async function loadDecision(name: string): Promise<Decision | undefined> {
  const load = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return load === undefined ? undefined : (await load())[name];
}
