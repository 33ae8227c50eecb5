import { type Ref, useCallback, useId, useState } from 'react'
import type { DeliveryStatus } from '../api/delivery'
import { type Filters, filterCount, idBeginning, readFilters } from '../api/filters'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { SearchBox } from '../ui/search'
import { ClearFilters, EventSelect, HttpSelect, Select, TimeSelect } from './filters'

const statuses: DeliveryStatus[] = ['pending', 'success', 'retrying', 'failed']

/** What narrows the log. On a narrow screen all but the search folds away. */
export function FilterBar({
  place,
  filters,
  onChange,
  searchRef,
}: {
  place: Place
  filters: Filters
  onChange: (filters: Filters) => void
  searchRef: Ref<HTMLInputElement>
}) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const id = useId()
  const { cursor: _, search: text, ...others } = filters
  const count = filterCount(others)
  const set = (change: Partial<Record<keyof Filters, string>>) =>
    onChange(readFilters({ ...filters, cursor: undefined, ...change }))
  const find = useCallback(
    (search: string) => onChange(readFilters({ ...filters, cursor: undefined, search: search.trim() || undefined })),
    [filters, onChange],
  )
  const badId = text !== undefined && !idBeginning.test(text)
  return (
    <search className="min-w-0 flex-1 basis-full lg:basis-0">
      <div className="flex flex-wrap gap-2">
        <div className="flex min-w-0 flex-1 basis-40 gap-2">
          <SearchBox ref={searchRef} label={t('filter.search')} value={text ?? ''} onSearch={find} />
          <Button className="sm:hidden" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
            {count > 0 ? t('filters.count', { count }) : t('filters')}
          </Button>
        </div>
        <div id={id} className={`${open ? 'grid' : 'hidden'} w-full grid-cols-2 gap-2 sm:flex sm:w-auto sm:flex-wrap`}>
          <Select
            label={t('status')}
            any={t('filter.status.any')}
            value={filters.status}
            onChange={(status) => set({ status })}
            options={statuses.map((status) => [status, t(`status.${status}`)])}
          />
          <EventSelect place={place} value={filters.event} onChange={(event) => set({ event })} />
          <HttpSelect value={filters.http_status} onChange={(http_status) => set({ http_status })} />
          <TimeSelect filters={filters} onChange={set} />
          {count > 0 && <ClearFilters onClear={() => onChange(text ? { search: text } : {})} />}
        </div>
      </div>
      {badId && (
        <p role="status" className="mt-1 text-warn text-xs">
          {t('filter.search.short')}
        </p>
      )}
    </search>
  )
}
