import type { UseQueryResult } from '@tanstack/react-query'
import { type ReactNode, useCallback } from 'react'
import type { Schemas } from '../api/client'
import type { ListSearch } from '../api/list-search'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Loaded } from '../ui/loaded'
import { Empty } from '../ui/page'
import { Pager } from '../ui/pager'
import { SearchBox } from '../ui/search'

/** What has a name, searched by it and read page by page. */
export function NameList<T>({
  of,
  label,
  search,
  onGo,
  none,
  children,
}: {
  of: UseQueryResult<{ data: T[]; pagination: Schemas['Pagination'] }>
  /** What the search is called. */
  label: string
  search: ListSearch
  onGo: (search: ListSearch) => void
  /** What stands there while there is nothing to search. */
  none: ReactNode
  /** One row, with its key. */
  children: (item: T) => ReactNode
}) {
  const { t } = useTranslation()
  const find = useCallback((text: string) => onGo(text ? { search: text } : {}), [onGo])
  return (
    <div className="card">
      <div className="flex p-3">
        <SearchBox label={label} value={search.search ?? ''} onSearch={find} />
      </div>
      <Loaded of={of} inset>
        {({ data }) =>
          data.length > 0 ? (
            <ul className="divide-y divide-line border-line border-t">{data.map(children)}</ul>
          ) : search.search ? (
            <Empty
              title={t('search.none', { text: search.search })}
              action={<Button onClick={() => find('')}>{t('search.clear')}</Button>}
            />
          ) : (
            none
          )
        }
      </Loaded>
      {of.data && <Pager of={of.data.pagination} onPage={(page) => onGo({ ...search, page })} />}
    </div>
  )
}
