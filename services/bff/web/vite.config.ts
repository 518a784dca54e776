import { defineConfig } from 'vitest/config'

/** The Messenger's own document. The loader is one file of its own: vite.loader.config.ts. */
export default defineConfig({
  root: 'messenger',
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: false
  },
  test: {
    root: '.',
    environment: 'happy-dom',
    // a limit against hanging, not a measure of speed
    testTimeout: 60_000,
    // no test fetches a page or a script
    environmentOptions: {
      happyDOM: {
        settings: {
          handleDisabledFileLoadingAsSuccess: true,
          enableIframePageLoading: true,
          navigation: { disableChildFrameNavigation: true }
        }
      }
    },
    include: ['{rpc,kit,loader,messenger,console,preview,sdk,demo}/**/*.test.{ts,tsx}']
  }
})
