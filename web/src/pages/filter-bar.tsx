import { type Ref, useCallback, useId, useState } from 'react'
import type { DeliveryStatus, Place } from '../api/deliveries'
import { type Filters, filterCount, idBeginning, readFilters, type Since } from '../api/filters'
import { useWebhooks } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { SearchBox } from '../ui/search'

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
            value={filters.status ?? ''}
            onChange={(status) => set({ status })}
            options={[['', t('filter.status.any')], ...statuses.map((s): [string, string] => [s, t(`status.${s}`)])]}
          />
          <EventSelect place={place} value={filters.event} onChange={(event) => set({ event })} />
          <HttpSelect value={filters.http_status} onChange={(http_status) => set({ http_status })} />
          <TimeSelect filters={filters} onChange={set} />
          {count > 0 && (
            <Button look="quiet" className="max-sm:col-span-2" onClick={() => onChange(text ? { search: text } : {})}>
              {t('filters.clear')}
            </Button>
          )}
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

export function Select({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: string
  options: [value: string, label: string][]
  onChange: (value: string) => void
}) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="control min-w-0 max-w-44 max-sm:w-full max-sm:max-w-none"
    >
      {options.map(([key, words]) => (
        <option key={key} value={key}>
          {words}
        </option>
      ))}
    </select>
  )
}

export function EventSelect({
  place,
  value,
  any,
  noTests,
  onChange,
}: {
  place: Place
  value: string | undefined
  /** What choosing none is called. */
  any?: string
  /** Leave the events of tests out. */
  noTests?: boolean
  onChange: (event: string) => void
}) {
  const { t } = useTranslation()
  const { data } = useWebhooks(place.owner)
  const names = new Set([
    ...(data?.events.map(({ name }) => name) ?? []),
    ...(noTests ? [] : ['webhook.test']),
    ...(value ? [value] : []),
  ])
  return (
    <Select
      label={t('event')}
      value={value ?? ''}
      onChange={onChange}
      options={[['', any ?? t('filter.event.any')], ...[...names].map((name): [string, string] => [name, name])]}
    />
  )
}

export function HttpSelect({ value, onChange }: { value: string | undefined; onChange: (status: string) => void }) {
  const { t } = useTranslation()
  const usual = ['2xx', '3xx', '4xx', '5xx', '429', '500', '502', '503', '504']
  return (
    <Select
      label={t('filter.http')}
      value={value ?? ''}
      onChange={onChange}
      options={[
        ['', t('filter.http.any')],
        ['none', t('filter.http.none')],
        ...[...new Set([...usual, ...(value && value !== 'none' ? [value] : [])])].map((code): [string, string] => [
          code,
          `HTTP ${code}`,
        ]),
      ]}
    />
  )
}

/** A span up to now, or two times. What is set is told as changes of `since`, `from` and `to`. */
export function TimeSelect({
  filters,
  onChange,
}: {
  filters: Pick<Filters, 'since' | 'from' | 'to'>
  onChange: (change: { since?: string; from?: string; to?: string }) => void
}) {
  const { t } = useTranslation()
  const [custom, setCustom] = useState(filters.from !== undefined || filters.to !== undefined)
  const value = custom ? 'custom' : (filters.since ?? '')
  const choose = (chosen: string) => {
    setCustom(chosen === 'custom')
    onChange({ since: chosen === 'custom' ? '' : (chosen as Since | ''), from: '', to: '' })
  }
  return (
    <>
      <Select
        label={t('time')}
        value={value}
        onChange={choose}
        options={[
          ['', t('filter.time.any')],
          ['hour', t('period.hour')],
          ['day', t('period.day')],
          ['week', t('period.week')],
          ['custom', t('filter.time.custom')],
        ]}
      />
      {custom && (
        <>
          <Moment label={t('filter.from')} value={filters.from} onChange={(from) => onChange({ from })} />
          <Moment label={t('filter.to')} value={filters.to} onChange={(to) => onChange({ to })} />
        </>
      )}
    </>
  )
}

function Moment({
  label,
  value,
  onChange,
}: {
  label: string
  value: string | undefined
  onChange: (at: string) => void
}) {
  return (
    <label className="control flex min-w-0 items-center gap-2 max-sm:col-span-2">
      <span className="text-muted text-sm">{label}</span>
      <input
        type="datetime-local"
        value={value ? localInput(value) : ''}
        onChange={(event) => onChange(event.target.value ? new Date(event.target.value).toISOString() : '')}
        className="min-w-0 flex-1 bg-transparent outline-none"
      />
    </label>
  )
}

/** A moment as the browser's field for local dates and times has it. */
export function localInput(at: string): string {
  const date = new Date(at)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
