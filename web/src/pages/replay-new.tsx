import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { type ReplayFilters, readReplayFilters, replayInput, useReplay, useReplayMatches } from '../api/events'
import { useTranslation } from '../i18n'
import { CheckField } from '../ui/field'
import { EventTable } from './event-table'
import { EventSelect, TimeSelect } from './filters'
import { JobForm } from './job-form'
import { paramsOf, placeOf } from './place'

const route = getRouteApi('/$kind/$owner/$webhook/retries/replay')

/** Sends events to a webhook that have not gone to it. */
export function ReplayNewPage() {
  const { t } = useTranslation()
  const place = placeOf(route.useParams())
  const filters = route.useSearch({ select: readReplayFilters, structuralSharing: true })
  const navigate = useNavigate()
  // A span ends when it was chosen: what is counted here is what will be sent.
  const input = useMemo(() => replayInput(filters, Date.now()), [filters])
  const matches = useReplayMatches(place, input)
  const begin = useReplay()
  const set = (change: Partial<Record<keyof ReplayFilters, string | boolean>>) =>
    navigate({
      to: '/$kind/$owner/$webhook/retries/replay',
      params: paramsOf(place),
      search: readReplayFilters({ ...filters, ...change }),
      replace: true,
    })
  const count = matches.data?.matching ?? 0
  const more = matches.data?.matching_is_lower_bound ? ` ${t('deliveries.more')}` : ''
  return (
    <JobForm
      place={place}
      title={t('replay.which')}
      what={t('replay.what')}
      fields={
        <>
          <TimeSelect filters={filters} onChange={set} />
          <EventSelect
            place={place}
            value={filters.event}
            any={t('replay.event.any')}
            noTests
            onChange={(event) => set({ event })}
          />
        </>
      }
      more={
        <CheckField
          label={t('replay.all')}
          hint={t('replay.all.hint')}
          checked={filters.all === true}
          onChange={({ target }) => set({ all: target.checked })}
        />
      }
      matches={matches}
      none={{ title: t('replay.none'), next: t('replay.none.next') }}
      counted={t('replay.count', { count }) + more}
      action={{ icon: 'envelope', words: t('replay.begin', { count }) }}
      begin={{ ...begin, run: (expected, then) => begin.mutate({ place, input: { ...input, expected } }, then) }}
    >
      {(sample) => <EventTable events={sample} stale={matches.isPlaceholderData} />}
    </JobForm>
  )
}
