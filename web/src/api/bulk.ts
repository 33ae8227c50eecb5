import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { must, type Schemas } from './client'
import { type Filters, times } from './filters'
import { useIdempotencyKey, useOnce } from './once'
import { type Place, webhookAt } from './owned'

export type BulkRetry = Schemas['BulkRetry']
/** `expected` is the count that the user saw; the server rejects a job of another size. */
export type BulkInput = Omit<Schemas['BulkRetryInput'], 'dry_run'>

/** The filters of the list as those of a bulk retry: what is failed only, and spans as times. */
export function bulkInput({ event, http_status, ...filters }: Filters, now: number): BulkInput {
  return {
    status: 'failed',
    ...(event && { event }),
    ...(http_status && { http_status }),
    ...times(filters, now),
  }
}

export const retriesKey = ({ owner, webhook }: Place) => ['retries', owner.kind, owner.id, webhook]

/** How long to wait before looking at a job again, in ms. */
const pace = 1_000

/** Neither done nor cancelled: there can be one such a webhook. */
export const isOpen = ({ status }: BulkRetry) => status !== 'done' && status !== 'cancelled'

const retryFailed = (
  place: Place,
  body: Schemas['BulkRetryInput'],
  more: { signal?: AbortSignal; headers?: Record<string, string> },
) => must(webhookAt(place).POST('/logs/retry', { body, ...more }))

/** How many entries match, and the newest of them. */
export function useMatches(place: Place, input: BulkInput) {
  return useQuery({
    queryKey: [...retriesKey(place), 'matches', input],
    placeholderData: keepPreviousData,
    staleTime: 0,
    queryFn: async ({ signal }) =>
      ((await retryFailed(place, { ...input, dry_run: true }, { signal })) as Schemas['BulkRetryMatched']).data,
  })
}

export function useBeginBulk(place: Place) {
  const client = useQueryClient()
  const keys = useIdempotencyKey()
  return useOnce({
    mutationFn: async (input: BulkInput) =>
      ((await retryFailed(place, input, { headers: keys.header(place, input) })) as Schemas['BulkRetryBegun']).data,
    onSuccess: keys.used,
    onSettled: () => client.invalidateQueries({ queryKey: [...retriesKey(place), 'list'] }),
  })
}

export function useBulkRetries(place: Place, page: number) {
  return useQuery({
    queryKey: [...retriesKey(place), 'list', page],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      must(webhookAt(place).GET('/retries', { params: { query: { page, per_page: 20 } }, signal })),
    refetchInterval: ({ state }) => (state.data?.data.some(isOpen) ? 2 * pace : false),
  })
}

export function useBulkRetry(place: Place, retry_id: string) {
  return useQuery({
    queryKey: [...retriesKey(place), 'one', retry_id],
    queryFn: async ({ signal }): Promise<BulkRetry> =>
      (await must(webhookAt(place).GET('/retries/{retry_id}', { params: { path: { retry_id } }, signal }))).data,
    refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? pace : false),
  })
}

/** Pauses, resumes or cancels. */
export function useSteerBulk(place: Place, retry_id: string) {
  const client = useQueryClient()
  return useOnce({
    mutationFn: async (order: 'pause' | 'resume' | 'cancel'): Promise<BulkRetry> => {
      const [job, params] = [webhookAt(place), { path: { retry_id } }]
      const steered =
        order === 'cancel'
          ? job.DELETE('/retries/{retry_id}', { params })
          : job.PATCH('/retries/{retry_id}', { params, body: { paused: order === 'pause' } })
      return (await must(steered)).data
    },
    onSettled: () => client.invalidateQueries({ queryKey: retriesKey(place) }),
  })
}
