import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { type EventFilters, readEventFilters, reasons, useEvents } from '../api/events'
import { wholeId } from '../api/filters'
import { useTranslation } from '../i18n'
import { Empty, Heading } from '../ui/page'
import { SearchBox, useSearchKey } from '../ui/search'
import { CursorList } from './cursor-list'
import { EventTable } from './event-table'
import { ClearFilters, Select, TimeSelect } from './filters'

const route = getRouteApi('/events')

/** Every event that came in, whether it went to a webhook or not. */
export function EventsPage() {
  const { t } = useTranslation()
  const filters = route.useSearch({ select: readEventFilters, structuralSharing: true })
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
        <CursorList
          of={page}
          filters={filters}
          onGo={go}
          none={<Empty title={t('events.none')}>{t('events.none.next')}</Empty>}
          noneMeets={t('events.none.filtered')}
        >
          {(events) => <EventTable events={events} stale={page.isPlaceholderData} />}
        </CursorList>
      </div>
    </>
  )
}

function Bar({ filters, onChange }: { filters: EventFilters; onChange: (filters: EventFilters) => void }) {
  const { t, eventMeaning, eventTypes } = useTranslation()
  const navigate = useNavigate()
  const search = useSearchKey()
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
  const types = [...new Set([...eventTypes, ...(filters.event ? [filters.event] : [])])]
  return (
    <search className="mb-3 flex flex-wrap gap-2">
      <div className="flex min-w-0 flex-1 basis-56">
        <SearchBox ref={search} label={t('events.search')} value={typed} onSearch={find} />
      </div>
      <div className="grid w-full grid-cols-2 gap-2 sm:flex sm:w-auto sm:flex-wrap">
        <Select
          label={t('event.went')}
          any={t('events.went.any')}
          value={filters.went}
          onChange={(went) => set({ went })}
          options={[
            ['sent', t('event.sent')],
            ['undelivered', t('events.went.undelivered')],
            ...reasons.map((reason): [string, string] => [reason, `– ${t(`undelivered.${reason}`)}`]),
          ]}
        />
        <Select
          label={t('event')}
          any={t('filter.event.any')}
          value={filters.event}
          onChange={(event) => set({ event })}
          options={types.map((name) => [name, eventMeaning(name) ?? name])}
        />
        <TimeSelect filters={filters} onChange={set} />
        {Object.keys(others).length > 0 && <ClearFilters onClear={() => onChange({})} />}
      </div>
      {typed.trim() !== '' && !wholeId.test(typed.trim()) && (
        <p role="status" className="basis-full text-warn text-xs">
          {t('events.search.whole')}
        </p>
      )}
    </search>
  )
}
