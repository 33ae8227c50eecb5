import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, must, type Schemas } from './client'

export type Overview = Schemas['Overview']
export type Period = Schemas['Period']
export type FoundWebhook = Schemas['FoundWebhook']

export function useOverview(period: Period) {
  return useQuery({
    queryKey: ['overview', period],
    placeholderData: keepPreviousData,
    refetchInterval: period === 'hour' ? 5_000 : 15_000,
    queryFn: async ({ signal }) => (await must(api.GET('/overview', { params: { query: { period } }, signal }))).data,
  })
}

/** Webhooks of all agents and campaigns, by name. */
export function useFoundWebhooks(search: { search?: string | undefined; page?: number | undefined }) {
  return useQuery({
    queryKey: ['webhooks', 'found', search],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      must(api.GET('/webhooks', { params: { query: { ...search, per_page: 20 } }, signal })),
  })
}
