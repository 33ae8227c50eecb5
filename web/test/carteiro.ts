import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const binary = process.env.CARTEIRO ?? new URL('../../bin/carteiro', import.meta.url).pathname

/** A real server on a store of its own. */
export interface Carteiro {
  url: string
  /** Makes an environment, and gives its token. */
  environment: (name: string) => string
  /** Makes a token of an environment, and gives it. */
  token: (environment: string, name: string, scope: string) => string
  stop: () => Promise<void>
}

export async function startCarteiro(): Promise<Carteiro> {
  const folder = mkdtempSync(join(tmpdir(), 'carteiro-web-'))
  const database = `--database=sqlite:${join(folder, 'carteiro.db')}`
  const environment = (name: string) =>
    execFileSync(binary, ['environment', 'create', name, '--quiet', database], { encoding: 'utf8' }).trim()
  // The store is there before the server is, so that the two do not make it at the same time.
  environment('first')
  const server = spawn(
    binary,
    [
      'serve',
      database,
      '--listen=127.0.0.1:0',
      '--metrics-listen=127.0.0.1:0',
      '--allow-private-networks',
      '--rate-limit=0',
      '--retry-schedule=1h',
      '--log-format=json',
    ],
    { stdio: ['ignore', 'inherit', 'pipe'] },
  )
  const url = await listening(server)
  return {
    url,
    environment,
    token: (environment, name, scope) =>
      execFileSync(binary, ['token', 'create', environment, '--name', name, '--scope', scope, '--quiet', database], {
        encoding: 'utf8',
      }).trim(),
    stop: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Reads from the server's log where it listens. */
function listening(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened`)))
    if (!server.stderr) return reject(new Error('the server has no log'))
    createInterface({ input: server.stderr }).on('line', (line) => {
      const at = /"address":"(http:[^"]+)"/.exec(line)
      if (at?.[1]) resolve(at[1])
    })
  })
}
