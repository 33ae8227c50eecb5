import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { ApiError, api, must, type Schemas } from './client'

export type Session = Schemas['Session']

export const sessionKey = ['session']

/** Who is signed in; null for nobody. */
export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    staleTime: 60_000,
    queryFn: async ({ signal }): Promise<Session | null> => {
      try {
        return (await must(api.GET('/session', { signal }))).data
      } catch (fault) {
        if (fault instanceof ApiError && fault.status === 401) return null
        throw fault
      }
    },
  })
}

export function useSignIn() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: async (token: string) => (await must(api.POST('/session', { body: { token } }))).data,
    onSuccess: (session) => client.setQueryData(sessionKey, session),
  })
}

export function useSignOut() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => must(api.DELETE('/session')),
    onSuccess: () => {
      client.setQueryData(sessionKey, null)
      // What one environment showed is not there for the next who signs in.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] })
    },
  })
}
