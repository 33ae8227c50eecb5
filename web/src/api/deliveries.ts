import { keepPreviousData, type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query'
import { arrivedSince, merge } from './arrivals'
import { must } from './client'
import type { Delivery, LogPage, Preview } from './delivery'
import { type Filters, logQuery } from './filters'
import { useIdempotencyKey, useOnce } from './once'
import { type Place, webhookAt } from './owned'

export const logsKey = ({ owner, webhook }: Place) => ['logs', owner.kind, owner.id, webhook] as const
export const pageKey = (place: Place, filters: Filters) => [...logsKey(place), 'page', filters] as const

const fetchLogs = (place: Place, query: ReturnType<typeof logQuery>, signal: AbortSignal): Promise<LogPage> =>
  must(webhookAt(place).GET('/logs', { params: { query }, signal }))

/** A page of the log; `live` says that a stream keeps it up to date. */
export function useDeliveries(place: Place, filters: Filters, live: boolean) {
  const client = useQueryClient()
  return useQuery({
    queryKey: pageKey(place, filters),
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: !live,
    queryFn: async ({ signal, queryKey }) => {
      const asked = Date.now()
      // A page that has grown is read as long as it is, as far as one call goes.
      const grown = live ? (client.getQueryData<LogPage>(queryKey)?.data.length ?? 0) : 0
      const page = await fetchLogs(place, logQuery(filters, asked, Math.min(Math.max(grown, 25), 100)), signal)
      return merge(page, arrivedSince(JSON.stringify(queryKey), asked), filters)
    },
  })
}

/** All attempts to deliver one event to the webhook, the first one first. */
export function useAttempts(place: Place, event: string | undefined) {
  return useQuery({
    queryKey: [...logsKey(place), 'attempts', event],
    enabled: event !== undefined,
    queryFn: async ({ signal }) =>
      (await fetchLogs(place, { event_id: event ?? '', per_page: 100 }, signal)).data.toSorted(
        (a, b) => a.attempt - b.attempt,
      ),
    refetchInterval: ({ state }) => untilChange(state.data ?? []),
  })
}

/** Looks every second at what is on its way, and seldom at what is scheduled for later. */
function untilChange(attempts: Delivery[]): number | false {
  const open = attempts.find(({ status }) => status === 'pending')
  if (!open) return false
  const due = open.next_attempt_at ? new Date(open.next_attempt_at).getTime() - Date.now() : 0
  return Math.min(Math.max(due, 800), 10_000)
}

export function useDelivery(place: Place, log_id: string) {
  return useQuery({
    queryKey: [...logsKey(place), 'one', log_id],
    queryFn: async ({ signal }): Promise<Delivery> =>
      (await must(webhookAt(place).GET('/logs/{log_id}', { params: { path: { log_id } }, signal }))).data,
    refetchInterval: ({ state }) => untilChange(state.data ? [state.data] : []),
  })
}

/** What a retry would send, beside what was sent. Asked anew each time, for it depends on the webhook of now. */
export function usePreview(place: Place, log_id: string) {
  return useQuery({
    queryKey: ['preview', ...logsKey(place), log_id],
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
    queryFn: async ({ signal }): Promise<Preview> =>
      (await must(webhookAt(place).GET('/logs/{log_id}/preview', { params: { path: { log_id } }, signal }))).data,
  })
}

/** Retries one failed delivery, and gives the id of the new entry. Pressed twice it is still one retry: the key says so. */
export function useRetry(place: Place, log_id: string) {
  const client = useQueryClient()
  const keys = useIdempotencyKey()
  return useOnce({
    mutationFn: async (): Promise<string> => {
      const params = { path: { log_id }, header: keys.header(log_id) }
      return (await must(webhookAt(place).POST('/logs/{log_id}/retry', { params }))).data.log_id
    },
    onSuccess: () => refreshLogs(client, place),
  })
}

/** Whether a later attempt of its event, among these, has been delivered or is under way: then there is nothing to retry. */
export function isSuperseded(log: Delivery, others: Delivery[]): boolean {
  return others.some(
    ({ event_id, attempt, status }) => event_id === log.event_id && attempt > log.attempt && status !== 'failed',
  )
}

export function refreshLogs(client: QueryClient, place: Place) {
  return client.invalidateQueries({ queryKey: logsKey(place) })
}
