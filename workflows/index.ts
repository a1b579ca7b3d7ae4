export { researchRun } from './research-run.ts';
