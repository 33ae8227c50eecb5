// Fails when the page is larger than a slow connection should carry, gzipped: what the first visit loads, and all files together.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const limits = { first: 120_000, all: 175_000 }
const dist = new URL('../dist', import.meta.url).pathname

const sizes = new Map()
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, String(name))
  if (!statSync(path).isDirectory()) sizes.set(String(name), gzipSync(readFileSync(path)).length)
}

const read = (name) => readFileSync(join(dist, name), 'utf8')
const chunks = (base) => [...sizes.keys()].filter((name) => new RegExp(`^assets/${base}-[\\w-]+\\.js$`).test(name))

/** A script and all that it imports before it runs. */
function withImports(name, found = new Set()) {
  if (found.has(name)) return found
  found.add(name)
  for (const [, imported] of read(name).matchAll(/(?:from|import)\s*"\.\/([\w.-]+\.js)"/g))
    withImports(`assets/${imported}`, found)
  return found
}

// The first visit: the page, what it names, the overview, and the texts of the language that has more of them.
const first = new Set(['index.html'])
for (const [, name] of read('index.html').matchAll(/(?:src|href)="\/([\w./-]+)"/g))
  for (const loaded of name.endsWith('.js') ? withImports(name) : [name]) first.add(loaded)
for (const base of ['overview', 'pt-BR', 'server'])
  for (const name of chunks(base)) for (const loaded of withImports(name)) first.add(loaded)

const sum = (names) => [...names].reduce((total, name) => total + sizes.get(name), 0)
const totals = { first: sum(first), all: sum(sizes.keys()) }
for (const [name, size] of [...sizes].sort((a, b) => b[1] - a[1]))
  console.log(`${String(size).padStart(8)}  ${first.has(name) ? 'first' : '     '}  ${name}`)
for (const [what, limit] of Object.entries(limits)) {
  console.log(`${String(totals[what]).padStart(8)}  bytes gzipped, ${what}, of at most ${limit}`)
  if (totals[what] > limit) {
    console.error('size: the page is too large')
    process.exitCode = 1
  }
}
