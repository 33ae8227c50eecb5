import type { Delivery, LogPage } from './delivery'
import { type Filters, meets } from './filters'

/** The longest a followed page grows, in rows. */
export const longest = 200

// What the stream told lately, by the page it was for. A page that was asked for before an entry changed may arrive after
// the stream has told of the change, and would put the entry back to what it was for good.
const arrivals: { page: string; at: number; log: Delivery }[] = []
const remembered = 10_000

export function remember(page: string, log: Delivery, now: number) {
  arrivals.push({ page, at: now, log })
  while (arrivals[0] && (arrivals[0].at < now - remembered || arrivals.length > 1_000)) arrivals.shift()
}

/** What the stream has told for a page since then, the latest last. */
export function arrivedSince(page: string, since: number): Delivery[] {
  return arrivals.filter((arrival) => arrival.page === page && arrival.at >= since).map(({ log }) => log)
}

/** A page that older entries were cut from: its cursor does not continue behind its last entry. */
type CutPage = LogPage & { cut?: true }

export const isCut = (page: CutPage) => page.cut === true

/**
 * Put entries that are new or have changed into a page, newest first, and take out what no longer meets the filters. The page
 * keeps the newest entries, as many as `longest`.
 */
export function merge(page: CutPage, logs: Delivery[], filters: Filters): CutPage {
  const rows = new Map(page.data.map((log) => [log.id, log]))
  // What is older than the page's last entry belongs on the next page.
  const ends = page.pagination.next_cursor !== undefined || page.cut
  const oldest = ends ? page.data.at(-1)?.id : undefined
  let { total } = page.pagination
  for (const log of logs) {
    const known = rows.has(log.id)
    if (!known && oldest !== undefined && log.id < oldest) continue
    if (meets(log, filters)) {
      if (!known) total++
      rows.set(log.id, log)
    } else if (rows.delete(log.id)) total--
  }
  const data = [...rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1))
  const cut = page.cut || data.length > longest
  return { ...page, data: data.slice(0, longest), pagination: { ...page.pagination, total }, ...(cut && { cut: true }) }
}
