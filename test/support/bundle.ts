/** The client as one file, as an application's bundler makes it. */
import { createRequire } from 'node:module';

/** What is used here of esbuild, which comes with tsx. */
interface Esbuild {
  build: (options: object) => Promise<{
    outputFiles: { contents: Uint8Array; text: string }[];
    metafile: { inputs: Record<string, unknown> };
  }>;
}

const fromTsx = createRequire(createRequire(import.meta.url).resolve('tsx/package.json'));
const { build } = fromTsx('esbuild') as Esbuild;

export interface Bundle {
  readonly contents: Uint8Array;
  readonly text: string;
  /** The files that are in it. */
  readonly inputs: readonly string[];
}

/** @param options esbuild's, over the usual ones */
export async function bundleClient(options: object = {}): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
    metafile: true,
    ...options,
  });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild made no file');
  return { contents: file.contents, text: file.text, inputs: Object.keys(metafile.inputs) };
}
