import type { Period } from './overview'

/** What the lists of names keep in the address bar. */
export interface ListSearch {
  search?: string
  page?: number
}

const pageOf = (value: unknown) => (Number.isInteger(Number(value)) && Number(value) > 1 ? Number(value) : undefined)

export function readPage({ page }: Record<string, unknown>): { page?: number } {
  const at = pageOf(page)
  return at ? { page: at } : {}
}

export function readList({ search, page }: Record<string, unknown>): ListSearch {
  const text = typeof search === 'string' || typeof search === 'number' ? String(search) : ''
  return { ...(text !== '' && { search: text }), ...readPage({ page }) }
}

export const readPeriod = ({ period }: Record<string, unknown>): { period?: Period } =>
  period === 'hour' || period === 'week' || period === 'month' ? { period } : {}
