import { defineConfig } from 'vite'

/** One classic script without imports: what a host's page loads. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: 'es2022',
    lib: { entry: 'loader/main.ts', formats: ['iife'], name: '_', fileName: () => 'loader.js' }
  }
})
