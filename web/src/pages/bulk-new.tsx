import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { bulkInput, useBeginBulk, useMatches } from '../api/bulk'
import { type Filters, readFilters } from '../api/filters'
import { useTranslation } from '../i18n'
import { DeliveryTable } from './delivery-table'
import { EventSelect, HttpSelect, TimeSelect } from './filters'
import { JobForm } from './job-form'
import { paramsOf, placeOf } from './place'

const route = getRouteApi('/$kind/$owner/$webhook/retries/new')

/** Retries what failed. */
export function BulkNewPage() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const filters = route.useSearch({ select: readFilters, structuralSharing: true })
  const navigate = useNavigate()
  // A span ends when it was chosen: what is counted here is what will be retried.
  const input = useMemo(() => bulkInput(filters, Date.now()), [filters])
  const matches = useMatches(place, input)
  const begin = useBeginBulk(place)
  const set = (change: Partial<Record<keyof Filters, string>>) =>
    navigate({
      to: '/$kind/$owner/$webhook/retries/new',
      params: paramsOf(place),
      search: readFilters({ ...filters, ...change }),
      replace: true,
    })
  const count = matches.data?.matching ?? 0
  return (
    <JobForm
      place={place}
      title={t('bulk.which')}
      what={t('bulk.what')}
      fields={
        <>
          <TimeSelect filters={filters} onChange={set} />
          <EventSelect place={place} value={filters.event} onChange={(event) => set({ event })} />
          <HttpSelect value={filters.http_status} onChange={(http_status) => set({ http_status })} />
        </>
      }
      matches={matches}
      none={{ title: t('bulk.none'), next: t('bulk.none.next') }}
      counted={t('bulk.count', { count })}
      action={{ icon: 'again', words: t('bulk.begin', { count }) }}
      begin={{ ...begin, run: (expected, then) => begin.mutate({ ...input, expected }, then) }}
    >
      {(sample) => <DeliveryTable place={place} logs={sample} stale={matches.isPlaceholderData} />}
    </JobForm>
  )
}
