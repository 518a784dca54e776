import { defineConfig } from 'vite'

/** The Messenger as the console shows it: dist/preview/index.html, a build of its own, so that the Messenger stays one script. */
export default defineConfig({
  base: '/',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: { input: { preview: 'preview/index.html' } }
  }
})
