/** Why a document cannot be read, in words of our own: a library's message may quote the document. */
export class ReadError extends Error {}
