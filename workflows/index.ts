export { archiveRun } from './archive-run.ts';
export { researchRun } from './research-run.ts';
