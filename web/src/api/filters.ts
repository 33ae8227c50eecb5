import type { Delivery, DeliveryStatus } from './delivery'

/** How the log is filtered; it stands so in the address bar. `since` is a span up to now and excludes `from` and `to`. */
export interface Filters {
  status?: DeliveryStatus
  event?: string
  http_status?: string
  since?: Since
  from?: string
  to?: string
  /** The beginning of an id. */
  search?: string
  cursor?: string
}

export const spans = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000 } as const
export type Since = keyof typeof spans

const statuses = ['pending', 'success', 'retrying', 'failed']
const httpStatus = /^([1-5][0-9][0-9]|[1-5]xx|none)$/
/** What the server takes as the beginning of an id. */
export const idBeginning = /^[0-9a-f-]{8,36}$/i

export const wholeId = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Reads filters from the address bar, and leaves out what makes no sense: an old or mistyped link still opens the page. */
export function readFilters(search: Record<string, unknown>): Filters {
  const text = (name: string) =>
    typeof search[name] === 'string' || typeof search[name] === 'number' ? String(search[name]) : undefined
  const time = (name: string) => {
    const at = text(name)
    return at && !Number.isNaN(Date.parse(at)) ? at : undefined
  }
  const filters: Filters = {}
  const status = text('status')
  if (status && statuses.includes(status)) filters.status = status as DeliveryStatus
  const http = text('http_status')
  if (http && httpStatus.test(http)) filters.http_status = http
  const since = text('since')
  if (since && since in spans) filters.since = since as Since
  else {
    const from = time('from')
    const to = time('to')
    if (from) filters.from = from
    if (to) filters.to = to
  }
  for (const name of ['event', 'search', 'cursor'] as const) {
    const value = text(name)
    if (value) filters[name] = value
  }
  return filters
}

/** The beginning and the end of what filters look at, as the API takes them. */
export function times({ since, from, to }: Pick<Filters, 'since' | 'from' | 'to'>, now: number) {
  const begins = since ? now - spans[since] : from
  return {
    ...(begins !== undefined && { from: new Date(begins).toISOString() }),
    ...(to && { to: new Date(to).toISOString() }),
  }
}

/** The filters as the call to list the log takes them; `rows` is 1 to 100. */
export function logQuery({ since, from, to, search, ...filters }: Filters, now: number, rows = 25) {
  return {
    ...filters,
    ...times({ since, from, to }, now),
    ...(search && idBeginning.test(search) && { search }),
    per_page: rows,
  } as {
    per_page: number
    status?: DeliveryStatus
    event?: string
    event_id?: string
    http_status?: string
    from?: string
    to?: string
    search?: string
    cursor?: string
  }
}

/** Whether new entries can appear on this page of the log, so that following it makes sense. */
export function canFollow(filters: Filters): boolean {
  return filters.cursor === undefined && filters.to === undefined && filters.search === undefined
}

/** Whether an entry meets the filters that a live tail can have. */
export function meets(log: Delivery, { status, event, http_status, from }: Filters): boolean {
  if (status && log.status !== status) return false
  if (event && log.event !== event) return false
  if (from && Date.parse(log.created_at) < Date.parse(from)) return false
  if (!http_status) return true
  if (http_status === 'none') return log.http_status === undefined && log.status !== 'pending'
  if (http_status.endsWith('xx')) return String(log.http_status ?? '').startsWith(http_status.charAt(0))
  return String(log.http_status) === http_status
}

/** How many filters are set, a page's place in the list aside. */
export function filterCount({ cursor: _, ...filters }: Filters): number {
  return Object.keys(filters).length
}
