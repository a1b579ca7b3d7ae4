import { runActivity } from '../steps/run-activity.ts';
import { closeStep } from './close-step.ts';
import type { RunActivities } from './contract.ts';
import { finishRun } from './finish-run.ts';
import { openRun } from './open-run.ts';
import type { RunPorts } from './ports.ts';
import { recordMessage } from './record-message.ts';

const maxFaults = 5;

/** The activities of the orchestrator's own queue. */
export function createRunActivities(ports: RunPorts): RunActivities {
  return {
    openRun: (input) => runActivity({ maxFaults }, () => openRun(ports, input)),
    recordMessage: (input) => runActivity({ maxFaults }, (scope) => recordMessage(ports, input, scope)),
    closeStep: (input) => runActivity({ maxFaults }, () => closeStep(ports, input)),
    finishRun: (input) => runActivity({ maxFaults }, () => finishRun(ports, input)),
  };
}
