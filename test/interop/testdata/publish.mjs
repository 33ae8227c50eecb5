// Publishes events with fetch: node publish.mjs COUNT URL TOKEN CA BODY. NODE_EXTRA_CA_CERTS names the authority.
import { readFileSync } from 'node:fs'

const [count, url, token, , body] = process.argv.slice(2)
for (let i = 0; i < Number(count); i++) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'Idempotency-Key': `fetch-${i}` },
    body: readFileSync(body),
  })
  const text = await response.text()
  if (response.status !== 202) throw new Error(`${response.status} ${text}`)
  console.log(text)
}
