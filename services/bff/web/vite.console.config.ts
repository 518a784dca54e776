import { defineConfig } from 'vite'

/** The teammates' console: dist/console/index.html, its assets beside the Messenger's. */
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
    rolldownOptions: { input: { console: 'console/index.html' } }
  }
})
