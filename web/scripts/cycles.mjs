// Fails when modules of the page import each other in a circle, also for types only and with `import()`.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const src = new URL('../src', import.meta.url).pathname
const names = ['', '.ts', '.tsx', '/index.ts', '/index.tsx']

function importsOf(file) {
  const found = []
  for (const [, named] of readFileSync(file, 'utf8').matchAll(/(?:\bfrom |^import |\bimport\()['"](\.[^'"]*)['"]/gm)) {
    const path = names
      .map((end) => join(dirname(file), named) + end)
      .find((path) => /\.tsx?$/.test(path) && existsSync(path))
    if (path) found.push(path)
  }
  return found
}

const files = readdirSync(src, { recursive: true })
  .map((name) => join(src, String(name)))
  .filter((name) => /\.tsx?$/.test(name))
const graph = new Map(files.map((file) => [file, importsOf(file)]))
const done = new Set()

/** Report the first circle that is reached from a file. */
function visit(file, path) {
  if (path.includes(file)) {
    const circle = [...path.slice(path.indexOf(file)), file].map((name) => relative(src, name))
    console.error(`cycles: ${circle.join(' → ')}`)
    process.exitCode = 1
    return
  }
  if (done.has(file)) return
  for (const next of graph.get(file) ?? []) visit(next, [...path, file])
  done.add(file)
}

for (const file of files) visit(file, [])
if ([...graph.values()].flat().length < files.length) {
  console.error('cycles: hardly any imports found; the pattern no longer fits the code')
  process.exitCode = 1
}
