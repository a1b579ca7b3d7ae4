import { answerFrom } from './answer.ts';
import type { EvidenceBase } from './evidence.ts';
import { years } from './language.ts';
import type { Question } from './question.ts';

const checks = {
  difference: 'print("RESULT:", abs(values[1][1] - values[0][1]))',
  smallest: 'print("RESULT:", min(values, key=lambda pair: pair[1])[0])',
  largest: 'print("RESULT:", max(values, key=lambda pair: pair[1])[0])',
} as const;

/** Python that checks the answer: the subtraction or comparison, else the years of the notes in order. Null without numbers. */
export function checkProgram(question: Question, base: EvidenceBase): string | null {
  const answer = answerFrom(question, base);
  if (answer !== null && answer.check !== 'none') {
    // JSON texts and numbers are Python literals too.
    const values = answer.numbers.map(({ label, value }) => `    (${JSON.stringify(label)}, ${value}),`);
    return [
      'values = [',
      ...values,
      ']',
      'for label, value in values:',
      '    print(label, value)',
      checks[answer.check],
    ].join('\n');
  }
  const found = [...new Set(base.items.flatMap(({ fact }) => years(fact.sentence).map(({ year }) => year)))];
  if (found.length < 2) return null;
  return [
    `years = sorted([${found.join(', ')}])`,
    'print("years in the notes, in order:", years)',
    'print("span:", years[-1] - years[0])',
  ].join('\n');
}
