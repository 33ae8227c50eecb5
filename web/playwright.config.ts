import { defineConfig } from '@playwright/test'

// The machine that runs this may be slow and busy: tests wait for what they want to see, as long as it takes.
const patience = 20_000

export default defineConfig({
  testDir: 'test',
  outputDir: 'test-results',
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: patience },
  reporter: [['list']],
  use: {
    actionTimeout: patience,
    navigationTimeout: patience,
    locale: 'en-US',
    timezoneId: 'America/Sao_Paulo',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        // A name that is not the machine's own: pages there are not in a secure context.
        '--host-resolver-rules=MAP carteiro.test 127.0.0.1',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
})
