declare module 'html-encoding-sniffer' {
  interface SniffOptions {
    readonly transportLayerEncodingLabel?: string;
    readonly defaultEncoding?: string;
    readonly maxPrescanBytes?: number;
    /** By the rules of XML instead: its declaration, no `<meta>`. */
    readonly xml?: boolean;
  }

  /** The name of the encoding, by the HTML standard. */
  function sniffEncoding(bytes: Uint8Array, options?: SniffOptions): string;
  export = sniffEncoding;
}
