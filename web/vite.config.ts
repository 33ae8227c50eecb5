import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [tailwindcss()],
  resolve: {
    // The libraries import React; Preact implements the same API in a fraction of the size.
    alias: {
      react: 'preact/compat',
      'react-dom': 'preact/compat',
      'react-dom/client': 'preact/compat/client',
      'react/jsx-runtime': 'preact/jsx-runtime',
      'react/jsx-dev-runtime': 'preact/jsx-dev-runtime',
    },
  },
  build: {
    target: 'es2022',
    // Everything stays a file of its own: the server's Content-Security-Policy knows no data: scripts or styles.
    assetsInlineLimit: 0,
    // The polyfill would be an inline script.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // Libraries mark files for React's server components, which this page does not use.
      onLog: (level, log, report) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log)
      },
    },
  },
  // The host stays as the browser sends it: signing in is for pages of the server's own origin.
  server: { proxy: { '/api': { target: process.env.CARTEIRO_URL ?? 'http://127.0.0.1:8080', changeOrigin: false } } },
})
