import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { BoxRuntime } from '../../../activities/sandbox/adapters/box-runtime.ts';
import { createBubblewrapRuntime } from '../../../activities/sandbox/adapters/bubblewrap-runtime.ts';
import { createGvisorRuntime } from '../../../activities/sandbox/adapters/gvisor-runtime.ts';
import { plantTargets, type PlantedTargets } from '../../../activities/sandbox/adapters/probes/probe-targets.ts';
import { toProbeTargets } from '../../../activities/sandbox/adapters/sandbox-self-test.ts';
import {
  parseProbeReport,
  type ProbeReport,
  type ProbeTargets,
  toProbeSource,
} from '../../../activities/sandbox/adapters/probes/sandbox-probes.ts';
import {
  aRef,
  aSandbox,
  aSandboxScope,
  isRoot,
  type SandboxFixture,
} from '../../activities/sandbox/sandbox-fixture.ts';
import { runUnboxed } from '../../activities/sandbox/unboxed.ts';
import { hostCases } from './host-cases.ts';

/** Which boxes are attacked, and how much. */
export interface BoxOrder {
  readonly runtime: BoxRuntime['name'];
  /** Host cases to run; null for all. */
  readonly cases: number | null;
  readonly isFull: boolean;
}

/** What came of it. */
export interface BoxResult {
  readonly name: string;
  /** Attacks that were tried on the box. */
  readonly cases: number;
  /** Attacks that have a control, and of these the controls that succeeded without a box. */
  readonly positiveControls: number;
  readonly fired: number;
  /** Attacks that this host refuses without any box, so that nothing is shown by the box refusing them. */
  readonly withoutControl: readonly string[];
  readonly canaryHits: number;
  readonly escapes: readonly string[];
}

/**
 * Controls that must succeed at least, by the class of the attack: a harness that tries nothing would find no way out either. As an
 * ordinary user the host itself refuses most of what root may do.
 */
const leastControls: Readonly<Record<string, readonly [root: number, user: number]>> = {
  S1: [8, 6],
  S2: [14, 4],
  S3: [15, 2],
  S4: [5, 2],
  S5: [5, 5],
  S6: [60, 45],
  S8: [4, 2],
  S9: [6, 6],
};

export function findRunsc(): string | null {
  const places = (process.env['PATH'] ?? '').split(delimiter);
  return places.map((place) => join(place, 'runsc')).find(existsSync) ?? null;
}

function makeRuntime(name: BoxRuntime['name']): BoxRuntime {
  return name === 'bubblewrap' ? createBubblewrapRuntime() : createGvisorRuntime(findRunsc() ?? 'runsc');
}

/** Attacks one kind of box, with this process as its worker, from inside and by what is left for the host to read. */
export async function attackBox(order: BoxOrder, report: (line: string) => void): Promise<BoxResult> {
  const name = `${order.runtime} as ${isRoot ? 'root' : 'an ordinary user'}`;
  await using planted = await plantTargets();
  if (!(await planted.isReachable())) throw new Error('the targets of the attacks cannot be reached from the host');
  await using box = await aSandbox({ runtime: makeRuntime(order.runtime) });
  const inside = await probeInside(box, planted);
  report(
    `${name}: ${inside.cases} probes inside, ${inside.escapes.length} got out; ${inside.fired} got out without a box`,
  );
  const outside = await tryHostCases(order, planted);
  report(`${name}: ${outside.cases} cases from outside, ${outside.escapes.length} got out`);
  const canaryHits = planted.takeAccepted();
  const touched = (await planted.isUntouched()) ? [] : ['a file of the host was changed'];
  return {
    name,
    cases: inside.cases + outside.cases,
    positiveControls: inside.controls + outside.controls,
    fired: inside.fired + outside.fired,
    withoutControl: inside.withoutControl,
    canaryHits,
    escapes: [...inside.escapes, ...outside.escapes, ...touched].map((how) => `${name}: ${how}`),
  };
}

interface Part {
  readonly cases: number;
  readonly controls: number;
  readonly fired: number;
  readonly escapes: string[];
}

async function probeInside(
  box: SandboxFixture,
  planted: PlantedTargets,
): Promise<Part & { withoutControl: readonly string[] }> {
  const other = { ...aRef, runId: 'other' };
  const plant = { kind: 'shell', source: 'echo secret > secret', timeoutMs: 60_000, before: null } as const;
  await box.sandbox.run(other, plant, aSandboxScope());
  const otherWorkspace = box.pathOf(other, 'work', 'secret');
  const targets = await toProbeTargets(box.driver, { ...planted.targets, otherWorkspace });
  const boxed = await box.python(toProbeSource(targets));
  planted.takeAccepted();
  const held = parseProbeReport(boxed.stdout);
  const control = await runControl(targets);
  planted.takeAccepted();
  const again = await box.python(toProbeSource(targets));
  const escapes = held === null ? [`no report (exit ${boxed.exitCode}: ${boxed.stderr.slice(-300)})`] : toEscapes(held);
  if (parseProbeReport(again.stdout)?.tried !== held?.tried) escapes.push('a second run of the probes ended otherwise');
  const fired = Object.keys(control.out);
  return {
    cases: held?.tried ?? 0,
    controls: fired.length + missingControls(fired).length,
    fired: fired.length,
    escapes: [...escapes, ...missingControls(fired)],
    withoutControl: control.names.filter((name) => !fired.includes(name)),
  };
}

function toEscapes(report: ProbeReport): string[] {
  return Object.entries(report.out).map(([name, how]) => `${name} (${how})`);
}

/** The same probes without a box. */
async function runControl(targets: ProbeTargets): Promise<ProbeReport & { names: readonly string[] }> {
  const list = 'import json, sys\nprint(json.dumps(list(PROBES)), file=sys.stderr)';
  const source = `${toProbeSource({ ...targets, virtual: [], isUnboxed: true })}\n${list}`;
  const { stdout, stderr } = await runUnboxed(source);
  const report = parseProbeReport(stdout);
  if (report === null) throw new Error(`the control gave no report: ${stderr.slice(-500)}`);
  const names: unknown = JSON.parse(stderr.trim().split('\n').at(-1) ?? '[]');
  return { ...report, names: Array.isArray(names) ? names.map(String) : [] };
}

/** Classes in which too few controls succeeded, as escapes: nothing is known of the box there. */
function missingControls(fired: readonly string[]): string[] {
  return Object.entries(leastControls).flatMap(([kind, [root, user]]) => {
    const count = fired.filter((name) => name.startsWith(`${kind} `)).length;
    const least = isRoot ? root : user;
    return count >= least ? [] : [`only ${count} controls of ${kind} succeeded, ${least} must`];
  });
}

async function tryHostCases(order: BoxOrder, planted: PlantedTargets): Promise<Part> {
  const escapes: string[] = [];
  let [cases, controls, fired] = [0, 0, 0];
  for (const hostCase of hostCases.slice(0, order.cases ?? hostCases.length)) {
    const scene = { planted, makeRuntime: () => makeRuntime(order.runtime), isFull: order.isFull };
    cases += 1;
    controls += 1;
    try {
      const how = await hostCase.attack(scene);
      if (how !== null) escapes.push(`${hostCase.name} (${how})`);
      if (await hostCase.control(scene)) fired += 1;
      else escapes.push(`${hostCase.name}: its control did not succeed`);
    } catch (error) {
      escapes.push(`${hostCase.name}: could not be tried (${String(error).slice(0, 300)})`);
    }
  }
  return { cases, controls, fired, escapes };
}
