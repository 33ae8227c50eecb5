import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback, useRef, useState } from 'react'
import { type EventFilters, readEventFilters, reasons, useEvents } from '../api/events'
import { eventTypes, useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Icon } from '../ui/icon'
import { Fault } from '../ui/notice'
import { Empty, Heading, Loading } from '../ui/page'
import { SearchBox } from '../ui/search'
import { useShortcuts } from '../ui/shortcuts'
import { EventTable } from './event-table'
import { Select, TimeSelect } from './filter-bar'

const route = getRouteApi('/events')
const wholeId = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Every event that came in, whether it went to a webhook or not. */
export function EventsPage() {
  const { t } = useTranslation()
  const filters = route.useSearch()
  const navigate = useNavigate()
  const page = useEvents(filters)
  const go = useCallback((search: EventFilters) => navigate({ to: '/events', search }), [navigate])
  return (
    <>
      <Heading title={t('nav.events')} below={t('events.what')} />
      <Bar filters={filters} onChange={go} />
      <div className="card">
        <p aria-live="polite" className="flex min-h-12 items-center px-4 py-2 text-muted text-sm">
          {page.data && t('events.total', { count: page.data.pagination.total })}
          {page.data?.pagination.total_is_lower_bound && ` ${t('deliveries.more')}`}
        </p>
        {page.error ? (
          <div className="p-4 pt-0">
            <Fault of={page.error} retry={() => page.refetch()} />
          </div>
        ) : !page.data ? (
          <Loading label={t('loading')} rows={8} row="h-7" />
        ) : page.data.data.length === 0 ? (
          <None filters={filters} onClear={() => go({})} />
        ) : (
          <EventTable events={page.data.data} stale={page.isPlaceholderData} />
        )}
        <Older next={page.data?.pagination.next_cursor} filters={filters} onGo={go} />
      </div>
    </>
  )
}

function Bar({ filters, onChange }: { filters: EventFilters; onChange: (filters: EventFilters) => void }) {
  const { t, eventMeaning } = useTranslation()
  const navigate = useNavigate()
  const search = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState('')
  const { cursor: _, ...others } = filters
  const set = (change: Record<string, string | undefined>) =>
    onChange(readEventFilters({ ...filters, cursor: undefined, ...change }))
  const find = useCallback(
    (text: string) => {
      setTyped(text)
      if (wholeId.test(text.trim())) navigate({ to: '/events/$event', params: { event: text.trim().toLowerCase() } })
    },
    [navigate],
  )
  useShortcuts({
    '/': (event) => {
      event.preventDefault()
      search.current?.focus()
    },
  })
  const types = [...new Set([...eventTypes, ...(filters.event ? [filters.event] : [])])]
  return (
    <search className="mb-3 flex flex-wrap gap-2">
      <div className="flex min-w-0 flex-1 basis-56">
        <SearchBox ref={search} label={t('events.search')} value={typed} onSearch={find} />
      </div>
      <div className="grid w-full grid-cols-2 gap-2 sm:flex sm:w-auto sm:flex-wrap">
        <Select
          label={t('event.went')}
          value={filters.went ?? ''}
          onChange={(went) => set({ went })}
          options={[
            ['', t('events.went.any')],
            ['sent', t('event.sent')],
            ['undelivered', t('events.went.undelivered')],
            ...reasons.map((reason): [string, string] => [reason, `– ${t(`undelivered.${reason}`)}`]),
          ]}
        />
        <Select
          label={t('event')}
          value={filters.event ?? ''}
          onChange={(event) => set({ event })}
          options={[
            ['', t('filter.event.any')],
            ...types.map((name): [string, string] => [name, eventMeaning(name) ?? name]),
          ]}
        />
        <TimeSelect filters={filters} onChange={set} />
        {Object.keys(others).length > 0 && (
          <Button look="quiet" className="max-sm:col-span-2" onClick={() => onChange({})}>
            {t('filters.clear')}
          </Button>
        )}
      </div>
      {typed.trim() !== '' && !wholeId.test(typed.trim()) && (
        <p role="status" className="basis-full text-warn text-xs">
          {t('events.search.whole')}
        </p>
      )}
    </search>
  )
}

function None({ filters, onClear }: { filters: EventFilters; onClear: () => void }) {
  const { t } = useTranslation()
  if (Object.keys(filters).length > 0)
    return (
      <Empty title={t('events.none.filtered')} action={<Button onClick={onClear}>{t('filters.clear')}</Button>}>
        {t('deliveries.none.filtered.next')}
      </Empty>
    )
  return <Empty title={t('events.none')}>{t('events.none.next')}</Empty>
}

function Older({
  next,
  filters,
  onGo,
}: {
  next: string | undefined
  filters: EventFilters
  onGo: (filters: EventFilters) => void
}) {
  const { t } = useTranslation()
  if (!next && !filters.cursor) return null
  const { cursor: _, ...newest } = filters
  return (
    <nav aria-label={t('pages')} className="flex items-center justify-between gap-2 border-line border-t px-4 py-2.5">
      <Button small disabled={!filters.cursor} onClick={() => onGo(newest)}>
        {t('pages.newest')}
      </Button>
      <Button small disabled={!next} onClick={() => next && onGo({ ...filters, cursor: next })}>
        {t('pages.older')}
        <Icon name="right" />
      </Button>
    </nav>
  )
}
