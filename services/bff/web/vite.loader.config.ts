import { defineConfig } from 'vite'

/** One classic script without imports: what a host's page loads. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: ['chrome100', 'firefox100', 'safari15.4'],
    lib: { entry: 'loader/main.ts', formats: ['iife'], name: '_', fileName: () => 'loader.js' }
  }
})
