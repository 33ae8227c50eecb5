// Fails when the page has grown beyond what a slow connection should carry: all files together, gzipped.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const limit = 200_000
const dist = new URL('../dist', import.meta.url).pathname

let total = 0
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, String(name))
  if (statSync(path).isDirectory()) continue
  const size = gzipSync(readFileSync(path)).length
  total += size
  console.log(`${String(size).padStart(8)}  ${name}`)
}
console.log(`${String(total).padStart(8)}  bytes gzipped in all, of at most ${limit}`)
if (total > limit) {
  console.error('size: the page is too large')
  process.exit(1)
}
