import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brokenJson } from '../../../support/broken-json.ts';
import { askPython } from '../../../support/json-repair.ts';
import { createRandom } from '../../../support/random.ts';

/** Texts of up to this length are frozen: longer ones tell nothing more. */
const maxChars = 260;
const wanted = 900;

/** Writes `tolerant-json.cases.jsonl` anew: `LONGHAUL_PYTHON=… node test/domain/agent/arguments/freeze-cases.ts`. */
const random = createRandom(20_261_124);
const texts: string[] = [];
while (texts.length < wanted) {
  const text = brokenJson(random);
  if (text.length <= maxChars && text.isWellFormed()) texts.push(text);
}
const readings = askPython(texts);
if (readings === null) throw new Error('Python with json_repair 0.50.0 is needed: set LONGHAUL_PYTHON');
const lines = readings.map(({ tolerant }, index) => JSON.stringify({ text: texts[index], tolerant }));
writeFileSync(fileURLToPath(new URL('tolerant-json.cases.jsonl', import.meta.url)), `${lines.join('\n')}\n`);
