import { Fragment, type ReactNode } from 'react'
import { useTranslation } from '../i18n'
import { Fault } from './notice'
import { Loading } from './page'

interface Query<T> {
  data: T | undefined
  error: unknown
  refetch: () => unknown
}

/**
 * What a query gave, with the error of a later attempt above it. Without data: rows that breathe, or what went wrong and the way
 * to try again.
 */
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
  const fault = error ? <Fault of={error} retry={() => refetch()} /> : null
  const told = fault && <div className={inset ? 'p-4 not-first:pt-0' : data === undefined ? '' : 'mb-4'}>{fault}</div>
  if (data === undefined) return told ?? <Loading label={t('loading')} rows={rows} row={row} />
  // The place of the data does not depend on the error: what is typed there stays.
  return (
    <>
      {told}
      <Fragment key="data">{children(data)}</Fragment>
    </>
  )
}
