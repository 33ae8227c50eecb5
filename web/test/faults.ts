import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test as base, type World, worldOf } from './world'

export { event, expect, logged } from './world'

/** What the proxy does to a request in place of passing it on. */
export type Fault =
  /** Answer in the server's place; the server does not see the request. */
  | { status: number; body?: unknown; headers?: Record<string, string> }
  /** Pass the server's answer on with another body, for example one that is not JSON. */
  | { malformed: string }
  /** Pass the request on, and hold the answer until the promise resolves. */
  | { slow: Promise<unknown> }
  /** Close the connection: `before` the server sees the request, `after` it has carried it out, or `within` its answer. */
  | { cut: 'before' | 'after' | 'within' }

/** A request as it passed the proxy. */
export interface Passed {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

/** Stands between the browser and the server, and breaks what it is told to break. */
export interface Proxy {
  url: string
  /** The same server by a name that a browser does not trust: a page over plain HTTP. */
  plain: string
  /** Every request so far to the API. */
  passed: Passed[]
  /** The requests of a method to paths that match. */
  to: (method: string, path: RegExp) => Passed[]
  /** Break requests of a method to matching paths: all of them, or the next few. Call the result to end it. */
  break: (method: string, path: RegExp, fault: Fault, times?: number) => () => void
  reset: () => void
  stop: () => Promise<void>
}

interface Rule {
  method: string
  path: RegExp
  fault: Fault
  left: number
}

export async function startProxy(target: string): Promise<Proxy> {
  const passed: Passed[] = []
  let rules: Rule[] = []
  const server: Server = createServer(async (req, res) => {
    const body = await read(req)
    const [method, path] = [req.method ?? 'GET', req.url ?? '/']
    if (path.startsWith('/api/')) passed.push({ method, path, headers: req.headers, body: body.toString() })
    const rule = rules.find((rule) => rule.left > 0 && rule.method === method && rule.path.test(path))
    if (rule) rule.left--
    pass(target, req, body, res, rule?.fault)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    plain: `http://carteiro.test:${port}`,
    passed,
    to: (method, path) => passed.filter((one) => one.method === method && path.test(one.path)),
    break: (method, path, fault, times = Number.POSITIVE_INFINITY) => {
      const rule = { method, path, fault, left: times }
      rules.push(rule)
      return () => {
        rule.left = 0
      }
    },
    reset: () => {
      passed.length = 0
      rules = []
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

function pass(target: string, req: IncomingMessage, body: Buffer, res: ServerResponse, fault: Fault | undefined) {
  const cut = () => res.destroy()
  if (fault && 'cut' in fault && fault.cut === 'before') return cut()
  if (fault && 'status' in fault) {
    res.writeHead(fault.status, { 'Content-Type': 'application/json', ...fault.headers })
    return res.end(typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body ?? {}))
  }
  const onward = request(target + req.url, { method: req.method, headers: req.headers }, async (answer) => {
    if (!fault) {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      return answer.pipe(res)
    }
    const whole = await read(answer)
    if ('cut' in fault && fault.cut === 'after') return cut()
    if ('slow' in fault) await fault.slow
    const { 'transfer-encoding': _, 'content-length': __, ...headers } = answer.headers
    const sent = 'malformed' in fault ? Buffer.from(fault.malformed) : whole
    res.writeHead(answer.statusCode ?? 502, { ...headers, 'Content-Length': sent.length })
    if ('cut' in fault) return res.write(sent.subarray(0, sent.length / 2), () => setImmediate(cut))
    res.end(sent)
  })
  onward.on('error', cut)
  res.on('close', () => onward.destroy())
  onward.end(body)
}

/** A promise, and what resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

interface Fixtures {
  /** A second environment of the same server. */
  other: World
}

/** As the test of world.ts, with a proxy between the page and the server. */
export const test = base.extend<Fixtures, { faults: Proxy }>({
  faults: [
    async ({ carteiro }, use) => {
      const proxy = await startProxy(carteiro.url)
      await use(proxy)
      await proxy.stop()
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ faults }, use) => {
    faults.reset()
    await use(faults.url)
  },
  other: ({ carteiro, receiver }, use, info) =>
    use(worldOf(carteiro.url, carteiro.environment(`other ${info.testId}`), receiver)),
})
