/** The longest wait that a `Retry-After` can ask of the page, in seconds. */
const longest = 3600

/** Read `Retry-After`: seconds or an HTTP date. The result is in seconds. */
export function parseWait(header: string | null | undefined, now: number): number | undefined {
  if (!header) return undefined
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - now) / 1000
  return seconds > 0 ? Math.min(Math.ceil(seconds), longest) : undefined
}

/** When reads may go out again, by the limit of one session. */
export interface ReadGate {
  until: number
}

let gate: ReadGate = { until: 0 }

/** The gate of the current session. A request closes the gate that it went through. */
export const readGate = () => gate

/** Open the gate for the next session: it has its own limit. */
export function resetReadGate() {
  gate = { until: 0 }
}

/** Stop background reads for this many seconds. */
export function closeGate(of: ReadGate, seconds: number, now: number) {
  of.until = Math.max(of.until, now + seconds * 1000)
}

/** Seconds until reads may go out again, 0 when they may. */
export const closedFor = (of: ReadGate, now: number) => Math.max(Math.ceil((of.until - now) / 1000), 0)
