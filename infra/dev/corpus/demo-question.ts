import { fileURLToPath } from 'node:url';

/** Folder of the corpus that the demo serves when no other one is named; it has a `pages.jsonl`. */
export const demoCorpusFolder = fileURLToPath(new URL('.', import.meta.url));

/** The question that the demo asks over its own corpus: four pages and one subtraction away from its answer. */
export const demoQuestion =
  "The crew of the barque Anna Korvald was saved by a lighthouse keeper. How many years passed between the first lighting of that keeper's lighthouse and the death of the man who made its lens?";

/** What the demo corpus says: Skarrow Light was lit in 1852, and Josiah Pell died in 1869. */
export const demoAnswer = '17';
