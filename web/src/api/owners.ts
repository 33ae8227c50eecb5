import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, api, must, type Schemas } from './client'
import type { Owner, Registered } from './kinds'
import { useIdempotencyKey, useOnce } from './once'
import { ownerAt } from './owned'

/** What a list or a heading shows of an owner. */
export type OwnerShown = Schemas['Agent'] & { agent_id?: string }

export function useOwners(kind: Registered, search: { search?: string | undefined; page?: number | undefined }) {
  return useQuery({
    queryKey: ['owners', kind, search],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const params = { query: { ...search, per_page: 20 } }
      if (kind === 'agents') {
        const { data, meta } = await must(api.GET('/agents', { params, signal }))
        return { data: data as OwnerShown[], pagination: meta }
      }
      const { data, pagination } = await must(api.GET('/campaigns', { params, signal }))
      return { data: data as OwnerShown[], pagination }
    },
  })
}

export function useOwner(owner: Owner) {
  return useQuery({
    queryKey: ['owner', owner.kind, owner.id],
    staleTime: 60_000,
    queryFn: async ({ signal }): Promise<Pick<OwnerShown, 'id' | 'name' | 'agent_id'>> => {
      if (owner.kind !== 'environment') return (await must(ownerAt(owner).GET('', { signal }))).data
      const { environment } = (await must(api.GET('/session', { signal }))).data
      if (environment.id === owner.id) return environment
      throw new ApiError(404, { message: 'Environment not found.' })
    },
  })
}

export interface OwnerInput {
  /** The owner to change, or the id of the caller's choice for a new one. */
  id?: string
  /** It must not exist yet: with an id that is taken, the call fails with a 412. */
  isNew: boolean
  name: string
  /** Of a campaign; left out, it stays as it is. */
  agent_id?: string | null
}

/** Registers an owner, or changes one. */
export function useSaveOwner(kind: Registered) {
  const client = useQueryClient()
  const keys = useIdempotencyKey()
  return useOnce({
    mutationFn: async ({ id, isNew, ...body }: OwnerInput): Promise<OwnerShown> => {
      const headers: Record<string, string> = {
        ...(isNew && keys.header(kind, id, body)),
        ...(isNew && id && { 'If-None-Match': '*' }),
      }
      if (kind === 'agents')
        return id
          ? (await must(api.PUT('/agents/{agent_id}', { params: { path: { agent_id: id } }, body, headers }))).data
          : (await must(api.POST('/agents', { body, headers }))).data
      return id
        ? (await must(api.PUT('/campaigns/{campaign_id}', { params: { path: { campaign_id: id } }, body, headers })))
            .data
        : (await must(api.POST('/campaigns', { body, headers }))).data
    },
    onSuccess: () => {
      keys.used()
      return client.invalidateQueries({
        // The list of all webhooks has their owners' names.
        predicate: ({ queryKey: [k] }) => k === 'owners' || k === 'owner' || k === 'webhooks',
      })
    },
  })
}

export function useDeleteOwner(owner: Owner) {
  const client = useQueryClient()
  return useOnce<unknown>({
    mutationFn: () => must(ownerAt(owner).DELETE('')),
    onSuccess: () => client.invalidateQueries({ predicate: ({ queryKey: [k] }) => k === 'owners' || k === 'webhooks' }),
  })
}
