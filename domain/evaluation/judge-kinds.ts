/** How an answer is judged: by a judge model's text, by its letter, by its structured output, or by rules alone. */
export const judgeKinds = [
  'text',
  'browsecomp',
  'browsecomp-zh',
  'hle',
  'simpleqa',
  'xbench',
  'deepsearchqa',
  'gaia-scorer',
] as const;
export type JudgeKind = (typeof judgeKinds)[number];

/** Which release's way of judging: the paper's, or the later line's. */
export type JudgeRelease = 'paper' | 'later';

/** Benchmarks that have a judge of their own. */
const kinds: Readonly<Record<JudgeRelease, Readonly<Record<string, JudgeKind>>>> = {
  paper: {
    'gaia-validation': 'gaia-scorer',
    browsecomp: 'browsecomp',
    browsecomp_zh: 'browsecomp',
    simpleqa: 'simpleqa',
    collect_trace: 'simpleqa',
    xbench_deepsearch: 'xbench',
  },
  later: {
    browsecomp: 'browsecomp',
    browsecomp_zh: 'browsecomp-zh',
    simpleqa: 'simpleqa',
    collect_trace: 'simpleqa',
    xbench_deepsearch: 'xbench',
    deepsearchqa: 'deepsearchqa',
  },
};

/** The judge of a benchmark; the text judge where it has none of its own. Source: MiroThinker protocol §9.4. */
export function judgeOf(release: JudgeRelease, benchmark: string): JudgeKind {
  if (benchmark.startsWith('hle')) return 'hle';
  const own = kinds[release];
  return (Object.hasOwn(own, benchmark) ? own[benchmark] : undefined) ?? 'text';
}

/** The names under which verdicts are kept, as in the original's logs. */
export const judgeNames: Readonly<Record<JudgeKind, string>> = {
  text: 'gaia_validation_text_103_judge',
  browsecomp: 'browsecomp_judge',
  'browsecomp-zh': 'browsecomp_zh_judge',
  hle: 'hle_judge',
  simpleqa: 'simpleqa_judge',
  xbench: 'xbench_deepsearch_judge',
  deepsearchqa: 'deepsearchqa_judge',
  'gaia-scorer': 'gaia_scorer',
};
