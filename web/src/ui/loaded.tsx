import type { ReactNode } from 'react'
import { useTranslation } from '../i18n'
import { Fault } from './notice'
import { Loading } from './page'

interface Query<T> {
  data: T | undefined
  error: unknown
  refetch: () => unknown
}

/** What a query gave, once it is there; until then rows that breathe, or what went wrong and the way to try again. */
export function Loaded<T>({
  of: { data, error, refetch },
  rows,
  row,
  inset,
  children,
}: {
  of: Query<T>
  /** How many rows breathe, and how high each is. */
  rows?: number
  row?: string
  /** A fault stands off from the edges of the card around it. */
  inset?: boolean
  children: (data: T) => ReactNode
}) {
  const { t } = useTranslation()
  if (error) {
    const fault = <Fault of={error} retry={() => refetch()} />
    return inset ? <div className="p-4 not-first:pt-0">{fault}</div> : fault
  }
  if (data === undefined) return <Loading label={t('loading')} rows={rows} row={row} />
  return children(data)
}
