import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, must, type Schemas } from './client'
import { agentPath, campaignPath, type Place } from './deliveries'
import { type Filters, spans } from './filters'

export type BulkRetry = Schemas['BulkRetry']
export type BulkInput = Omit<Schemas['BulkRetryInput'], 'dry_run'>

/** The filters of the list as those of a bulk retry: what is failed only, and spans as times. */
export function bulkInput({ event, http_status, since, from, to }: Filters, now: number): BulkInput {
  return {
    status: 'failed',
    ...(event && { event }),
    ...(http_status && { http_status }),
    ...(since ? { from: new Date(now - spans[since]).toISOString() } : from && { from: new Date(from).toISOString() }),
    ...(to && { to: new Date(to).toISOString() }),
  }
}

export const retriesKey = ({ owner, webhook }: Place) => ['retries', owner.kind, owner.id, webhook]

/** How long to wait before looking at a job again, in ms. */
const pace = 1_000

/** Neither done nor cancelled: there can be one such a webhook. */
export const isOpen = ({ status }: BulkRetry) => status !== 'done' && status !== 'cancelled'

/** How many entries match, and the newest of them. */
export function useMatches(place: Place, input: BulkInput) {
  return useQuery({
    queryKey: [...retriesKey(place), 'matches', input],
    placeholderData: keepPreviousData,
    staleTime: 0,
    queryFn: async ({ signal }) => {
      const body = { ...input, dry_run: true }
      const answer =
        place.owner.kind === 'agents'
          ? await must(
              api.POST('/agents/{agent_id}/webhooks/{webhook_id}/logs/retry', {
                params: { path: agentPath(place) },
                body,
                signal,
              }),
            )
          : await must(
              api.POST('/campaigns/{campaign_id}/webhooks/{webhook_id}/logs/retry', {
                params: { path: campaignPath(place) },
                body,
                signal,
              }),
            )
      return (answer as Schemas['BulkRetryMatched']).data
    },
  })
}

export function useBeginBulk(place: Place) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (body: BulkInput) => {
      const answer =
        place.owner.kind === 'agents'
          ? await must(
              api.POST('/agents/{agent_id}/webhooks/{webhook_id}/logs/retry', {
                params: { path: agentPath(place) },
                body,
              }),
            )
          : await must(
              api.POST('/campaigns/{campaign_id}/webhooks/{webhook_id}/logs/retry', {
                params: { path: campaignPath(place) },
                body,
              }),
            )
      return (answer as Schemas['BulkRetryBegun']).data
    },
    onSettled: () => client.invalidateQueries({ queryKey: [...retriesKey(place), 'list'] }),
  })
}

export function useBulkRetries(place: Place, page: number) {
  return useQuery({
    queryKey: [...retriesKey(place), 'list', page],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { page, per_page: 20 }
      return place.owner.kind === 'agents'
        ? must(
            api.GET('/agents/{agent_id}/webhooks/{webhook_id}/retries', {
              params: { path: agentPath(place), query },
              signal,
            }),
          )
        : must(
            api.GET('/campaigns/{campaign_id}/webhooks/{webhook_id}/retries', {
              params: { path: campaignPath(place), query },
              signal,
            }),
          )
    },
    refetchInterval: ({ state }) => (state.data?.data.some(isOpen) ? 2 * pace : false),
  })
}

export function useBulkRetry(place: Place, retry_id: string) {
  return useQuery({
    queryKey: [...retriesKey(place), 'one', retry_id],
    queryFn: async ({ signal }): Promise<BulkRetry> =>
      place.owner.kind === 'agents'
        ? (
            await must(
              api.GET('/agents/{agent_id}/webhooks/{webhook_id}/retries/{retry_id}', {
                params: { path: { ...agentPath(place), retry_id } },
                signal,
              }),
            )
          ).data
        : (
            await must(
              api.GET('/campaigns/{campaign_id}/webhooks/{webhook_id}/retries/{retry_id}', {
                params: { path: { ...campaignPath(place), retry_id } },
                signal,
              }),
            )
          ).data,
    refetchInterval: ({ state }) => (state.data && isOpen(state.data) ? pace : false),
  })
}

/** Pauses, resumes or cancels. */
export function useSteerBulk(place: Place, retry_id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (order: 'pause' | 'resume' | 'cancel'): Promise<BulkRetry> => {
      const agents = { params: { path: { ...agentPath(place), retry_id } } }
      const campaigns = { params: { path: { ...campaignPath(place), retry_id } } }
      const body = { paused: order === 'pause' }
      if (place.owner.kind === 'agents') {
        const path = '/agents/{agent_id}/webhooks/{webhook_id}/retries/{retry_id}'
        return (await must(order === 'cancel' ? api.DELETE(path, agents) : api.PATCH(path, { ...agents, body }))).data
      }
      const path = '/campaigns/{campaign_id}/webhooks/{webhook_id}/retries/{retry_id}'
      return (await must(order === 'cancel' ? api.DELETE(path, campaigns) : api.PATCH(path, { ...campaigns, body })))
        .data
    },
    onSettled: () => client.invalidateQueries({ queryKey: retriesKey(place) }),
  })
}
