import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** What webhooks lead to: it answers what it is told to, and remembers what it got. */
export interface Receiver {
  url: string
  got: Received[]
  /** The status to answer from now on to requests to this path; 200 until then. */
  answer: (path: string, status: number) => void
  /** Forgets what it got and was told: the tests of a worker share it, one after another. */
  reset: () => void
  stop: () => Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const got: Received[] = []
  const answers = new Map<string, number>()
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      const path = request.url ?? '/'
      got.push({ path, headers: request.headers, body })
      const status = answers.get(path) ?? 200
      response.writeHead(status, { 'Content-Type': 'application/json', 'X-Receiver': 'test' })
      response.end(JSON.stringify(status < 300 ? { received: true } : { error: 'out of order' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    answer: (path, status) => answers.set(path, status),
    reset: () => {
      got.length = 0
      answers.clear()
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
