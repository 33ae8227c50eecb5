import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { repeats } from './failure'
import { noticeRefusal } from './session'

/** What is known of one environment. Each has a client of its own, so that nothing of one is shown in another. */
export function createQueryClient(): QueryClient {
  // Whichever call comes next notices that the session has ended, or is one of another environment.
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: noticeRefusal }),
    mutationCache: new MutationCache({
      onError: noticeRefusal,
      // A change shows in more places than can be listed, a name above all: every page reads its data again when it opens.
      onSuccess: () => client.invalidateQueries({ refetchType: 'none' }),
    }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        networkMode: 'always',
        retry: repeats,
        retryDelay: (failures) => 500 * 2 ** failures,
      },
      // What a mutation was given may be a token or a secret: nothing of it is kept once it is done with.
      mutations: { networkMode: 'always', gcTime: 0 },
    },
  })
  return client
}
