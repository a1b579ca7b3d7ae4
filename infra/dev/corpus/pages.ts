export { type CorpusPage, loadPages, pagePath } from '../../../activities/web/adapters/corpus-pages.ts';
