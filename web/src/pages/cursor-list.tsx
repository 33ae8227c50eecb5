import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Loaded } from '../ui/loaded'
import { Older } from '../ui/older'
import { NoneMeets } from './filters'

/** A page of what was filtered and is read by cursor, newest first. */
export function CursorList<T, F extends { cursor?: string }>({
  of,
  filters,
  onGo,
  none,
  noneMeets,
  children,
}: {
  of: UseQueryResult<{ data: T[]; pagination: { next_cursor?: string } }>
  filters: F
  onGo: (filters: F) => void
  /** What stands there while there is nothing at all. */
  none: ReactNode
  /** Says that nothing meets the filters. */
  noneMeets: string
  children: (entries: T[]) => ReactNode
}) {
  return (
    <>
      <Loaded of={of} rows={8} row="h-7" inset>
        {({ data }) =>
          data.length > 0 ? (
            children(data)
          ) : Object.keys(filters).length > 0 ? (
            <NoneMeets title={noneMeets} onClear={() => onGo({} as F)} />
          ) : (
            none
          )
        }
      </Loaded>
      <Older next={of.data?.pagination.next_cursor} filters={filters} onGo={onGo} />
    </>
  )
}
