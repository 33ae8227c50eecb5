/** The longest wait that a `Retry-After` can ask of the page, in seconds. */
const longest = 3600

/** Read `Retry-After`: seconds or an HTTP date. The result is in seconds. */
export function parseWait(header: string | null | undefined, now: number): number | undefined {
  if (!header) return undefined
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000
  return seconds > 0 ? Math.min(Math.ceil(seconds), longest) : undefined
}

let closedUntil = 0

/** Stop background reads for this many seconds. */
export function holdReads(seconds: number, now: number) {
  closedUntil = Math.max(closedUntil, now + seconds * 1000)
}

/** Seconds until reads may go out again, 0 when they may. */
export const readsHeldFor = (now: number) => Math.max(Math.ceil((closedUntil - now) / 1000), 0)
