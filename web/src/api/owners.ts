import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, api, must, type Schemas } from './client'
import type { Owner, Registered } from './kinds'
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

/** Registers an owner; under an id of the caller's choice where one is given. */
export function useSaveOwner(kind: Registered) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async ({
      id,
      ...body
    }: {
      id?: string
      name: string
      agent_id?: string | null
    }): Promise<OwnerShown> => {
      if (kind === 'agents') {
        const { name } = body
        return id
          ? (await must(api.PUT('/agents/{agent_id}', { params: { path: { agent_id: id } }, body: { name } }))).data
          : (await must(api.POST('/agents', { body: { name } }))).data
      }
      return id
        ? (await must(api.PUT('/campaigns/{campaign_id}', { params: { path: { campaign_id: id } }, body }))).data
        : (await must(api.POST('/campaigns', { body }))).data
    },
    onSuccess: () => client.invalidateQueries({ predicate: ({ queryKey: [k] }) => k === 'owners' || k === 'owner' }),
  })
}

export function useDeleteOwner(owner: Owner) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => must(ownerAt(owner).DELETE('')),
    onSuccess: () => client.invalidateQueries({ queryKey: ['owners', owner.kind] }),
  })
}
