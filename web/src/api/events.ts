import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { retriesKey } from './bulk'
import { api, must, type Schemas } from './client'
import { sourceOf } from './exact'
import { type Filters, readFilters, times } from './filters'
import { useIdempotencyKey, useOnce } from './once'
import { type Place, webhookAt } from './owned'

export type StoredEvent = Schemas['StoredEvent']
export type Reason = Schemas['UndeliveredReason']
export type EventPage = Schemas['EventList']
export type ReplayInput = Omit<Schemas['ReplayInput'], 'dry_run'>

export const reasons: Reason[] = ['no_webhook', 'not_subscribed', 'webhooks_disabled', 'unknown']

/** What an event's owner was called when it came in. */
export const ownerName = (event: StoredEvent) =>
  event.agent_id ? event.agent_name : event.campaign_id ? event.campaign_name : event.environment_name

/** What an event of the environment itself tells of: another webhook, and where it is about one attempt, that. */
export interface OperatorNotice {
  webhook: { id: string; name: string; agent_id?: string; campaign_id?: string }
  delivery?: { log_id: string; event: string }
}

export const noticeOf = ({ environment_id, payload }: StoredEvent): OperatorNotice | undefined =>
  environment_id && payload ? JSON.parse(sourceOf(payload) ?? 'null') : undefined

/** Where events went: to a webhook, to none, or to none for one reason. */
export type Went = 'sent' | 'undelivered' | Reason

/** How events are filtered; it stands so in the address bar. */
export interface EventFilters extends Pick<Filters, 'event' | 'since' | 'from' | 'to' | 'cursor'> {
  went?: Went
}

export function readEventFilters(search: Record<string, unknown>): EventFilters {
  const { status: _, http_status: __, search: ___, ...filters } = readFilters(search)
  const went = [...reasons, 'sent', 'undelivered'].find((word) => word === search.went) as Went | undefined
  return { ...(went && { went }), ...filters }
}

function query({ went, since, from, to, ...filters }: EventFilters, now: number) {
  const undelivered = went && (went === 'sent' ? ('false' as const) : ('true' as const))
  return {
    ...filters,
    ...times({ since, from, to }, now),
    ...(undelivered && { undelivered }),
    ...(went && reasons.includes(went as Reason) && { reason: went as Reason }),
    per_page: 25,
  }
}

export function useEvents(filters: EventFilters) {
  return useQuery({
    queryKey: ['events', 'page', filters],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => must(api.GET('/events', { params: { query: query(filters, Date.now()) }, signal })),
    refetchInterval: filters.cursor ? false : 10_000,
  })
}

export function useEvent(event_id: string) {
  return useQuery({
    queryKey: ['events', 'one', event_id],
    queryFn: async ({ signal }): Promise<StoredEvent> =>
      (await must(api.GET('/events/{event_id}', { params: { path: { event_id } }, signal }))).data,
    refetchInterval: ({ state }) =>
      state.data?.deliveries?.some(({ status }) => status === 'pending') ? 2_000 : false,
  })
}

const replay = (
  place: Place,
  body: Schemas['ReplayInput'],
  more: { signal?: AbortSignal; headers?: Record<string, string> },
) => must(webhookAt(place).POST('/replay', { body, ...more }))

/** How many events match, and the newest of them. */
export function useReplayMatches(place: Place, input: ReplayInput) {
  return useQuery({
    queryKey: [...retriesKey(place), 'events', input],
    placeholderData: keepPreviousData,
    staleTime: 0,
    queryFn: async ({ signal }) =>
      ((await replay(place, { ...input, dry_run: true }, { signal })) as Schemas['ReplayMatched']).data,
  })
}

/** Begins to send events to a webhook, and gives the job. */
export function useReplay() {
  const client = useQueryClient()
  const keys = useIdempotencyKey()
  return useOnce({
    mutationFn: async ({ place, input }: { place: Place; input: ReplayInput }) =>
      ((await replay(place, input, { headers: keys.header(place, input) })) as Schemas['ReplayBegun']).data,
    onSuccess: keys.used,
    onSettled: (_, __, { place }) => {
      client.invalidateQueries({ queryKey: [...retriesKey(place), 'list'] })
      client.invalidateQueries({ queryKey: ['events'] })
    },
  })
}

/** The filters of the page as those of a replay. */
export function replayInput({ event, all, ...filters }: ReplayFilters, now: number): ReplayInput {
  return {
    ...(event && { events: [event] }),
    ...times(filters, now),
    undelivered: !all,
  }
}

/** What to send again; `all` is for events that went to other webhooks, or failed here, too. */
export interface ReplayFilters extends Pick<Filters, 'event' | 'since' | 'from' | 'to'> {
  all?: true
}

export function readReplayFilters(search: Record<string, unknown>): ReplayFilters {
  const { went: _, cursor: __, ...filters } = readEventFilters(search)
  return { ...filters, ...(search.all === true && { all: true as const }) }
}
