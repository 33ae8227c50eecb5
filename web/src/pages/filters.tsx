import { useState } from 'react'
import type { Filters, Since } from '../api/filters'
import type { Place } from '../api/owned'
import { useWebhooks } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Empty } from '../ui/page'

/** One of several, or, as the empty text, any of them. */
export function Select({
  label,
  any,
  value = '',
  options,
  onChange,
}: {
  label: string
  /** What choosing none is called. */
  any: string
  value: string | undefined
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
      <option value="">{any}</option>
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
      any={any ?? t('filter.event.any')}
      value={value}
      onChange={onChange}
      options={[...names].map((name) => [name, name])}
    />
  )
}

export function HttpSelect({ value, onChange }: { value: string | undefined; onChange: (status: string) => void }) {
  const { t } = useTranslation()
  const codes = new Set(['2xx', '3xx', '4xx', '5xx', '429', '500', '502', '503', '504'])
  if (value && value !== 'none') codes.add(value)
  return (
    <Select
      label={t('filter.http')}
      any={t('filter.http.any')}
      value={value}
      onChange={onChange}
      options={[['none', t('filter.http.none')], ...[...codes].map((code): [string, string] => [code, `HTTP ${code}`])]}
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
  const [asked, setAsked] = useState(false)
  // The address decides: it may have changed by Back. Only while it holds no time yet can the choice be known from here.
  const { since, from, to } = filters
  const custom = from !== undefined || to !== undefined || (asked && since === undefined)
  const choose = (chosen: string) => {
    setAsked(chosen === 'custom')
    onChange({ since: chosen === 'custom' ? '' : (chosen as Since | ''), from: '', to: '' })
  }
  const set = (change: { from?: string; to?: string }) => {
    setAsked(false)
    onChange(change)
  }
  return (
    <>
      <Select
        label={t('time')}
        any={t('filter.time.any')}
        value={custom ? 'custom' : filters.since}
        onChange={choose}
        options={[
          ['hour', t('period.hour')],
          ['day', t('period.day')],
          ['week', t('period.week')],
          ['custom', t('filter.time.custom')],
        ]}
      />
      {custom && (
        <>
          <Moment label={t('filter.from')} value={filters.from} onChange={(from) => set({ from })} />
          <Moment label={t('filter.to')} value={filters.to} onChange={(to) => set({ to })} />
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

export function ClearFilters({ onClear }: { onClear: () => void }) {
  const { t } = useTranslation()
  return (
    <Button look="quiet" className="max-sm:col-span-2" onClick={onClear}>
      {t('filters.clear')}
    </Button>
  )
}

/** Nothing meets the filters, and the way out. */
export function NoneMeets({ title, onClear }: { title: string; onClear: () => void }) {
  const { t } = useTranslation()
  return (
    <Empty title={title} action={<Button onClick={onClear}>{t('filters.clear')}</Button>}>
      {t('deliveries.none.filtered.next')}
    </Empty>
  )
}
