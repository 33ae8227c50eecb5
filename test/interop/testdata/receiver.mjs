// A receiver on node:http, Express or Fastify: node receiver.mjs KIND PLAIN TLS KEEPALIVE CERT KEY
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'

const [kind, plain, tls, keepAlive, cert, key] = process.argv.slice(2)
const secure = { cert: readFileSync(cert), key: readFileSync(key) }

// A signed body must arrive as it was sent, and be JSON.
function answer(headers, path, body) {
  if (JSON.parse(body).n === undefined) throw new Error('not our body')
  console.log(`HIT ${headers['webhook-id']} ${path}`)
  return `${headers['webhook-id']} ${path}`
}

function configure(server, port) {
  if (keepAlive === 'off') server.on('request', (_, response) => response.setHeader('Connection', 'close'))
  if (keepAlive === 'few') server.maxRequestsPerSocket = 3
  server.listen(Number(port), '127.0.0.1')
}

async function handler() {
  switch (kind) {
    case 'express': {
      const { default: express } = await import('express')
      const app = express()
      app.use(express.text({ type: '*/*', limit: '1mb' }))
      app.all(/.*/, (request, response) => response.send(answer(request.headers, request.originalUrl, request.body)))
      return app
    }
    default:
      return (request, response) => {
        let body = ''
        request.setEncoding('utf8')
        request.on('data', (text) => (body += text))
        request.on('end', () => response.end(answer(request.headers, request.url, body)))
      }
  }
}

if (kind === 'fastify') {
  const { default: fastify } = await import('fastify')
  for (const [port, options] of [[plain, {}], [tls, { https: secure }]]) {
    const app = fastify({ ...options, maxRequestsPerSocket: keepAlive === 'few' ? 3 : 0 })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body))
    app.all('/*', async (request, reply) => {
      if (keepAlive === 'off') reply.header('Connection', 'close')
      return answer(request.headers, request.url, request.body)
    })
    await app.listen({ port: Number(port), host: '127.0.0.1' })
  }
} else {
  const handle = await handler()
  configure(http.createServer(handle), plain)
  configure(https.createServer(secure, handle), tls)
}
