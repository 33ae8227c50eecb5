import { QueryClient, useMutation, useQuery } from '@tanstack/react-query'
import { createContext, useContext, useState, useSyncExternalStore } from 'react'
import { ApiError, api, must, type Schemas } from './client'
import { resetReadGate } from './wait'

export type Session = Schemas['Session']

// The session outlives what is known of one environment: hence a client of its own.
const sessions = new QueryClient({ defaultOptions: { queries: { networkMode: 'always', retry: 2 } } })
const sessionKey = ['session']

/** What the browser's cookie opens at the moment; null for nothing. Another tab may have changed it. */
export function useCookie() {
  return useQuery(
    {
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
    },
    sessions,
  )
}

/** The session that this page shows. */
export const ShownSession = createContext<Session | undefined>(undefined)
export const useSession = () => ({ data: useContext(ShownSession) })

/** Ask again what the cookie opens, because a call was refused. */
export function noticeRefusal(fault: unknown) {
  if (!(fault instanceof ApiError)) return
  const refused = fault.status === 401 || (fault.status === 409 && fault.code === 'ENVIRONMENT_MISMATCH')
  if (refused && sessions.getQueryData(sessionKey) !== null) sessions.invalidateQueries({ queryKey: sessionKey })
}

// All tabs share the cookie: a tab that changes it tells the others.
const tabs = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('carteiro.session')
tabs?.addEventListener('message', () => {
  resetReadGate()
  sessions.invalidateQueries({ queryKey: sessionKey })
})

// How often this tab has left one environment for another, or for none. All it shows then begins anew.
let departures = 0
const watchers = new Set<() => void>()
export const useDepartures = () =>
  useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => departures,
  )

/** Leave the environment that this page shows, and show what the cookie opens. */
export function depart() {
  departures++
  for (const tell of watchers) tell()
}

function become(session: Session | null) {
  resetReadGate()
  sessions.setQueryData(sessionKey, session)
  tabs?.postMessage(null)
}

/**
 * Begins a session. With an environment given, a token of another one is refused with a 409. The token is kept nowhere, which
 * a mutation's cache would do.
 */
export function useSignIn(environment?: string) {
  const [state, setState] = useState<{ isPending: boolean; error: unknown }>({ isPending: false, error: null })
  const signIn = async (token: string) => {
    setState({ isPending: true, error: null })
    try {
      const headers = environment ? { 'X-Environment-Id': environment } : {}
      const session = (await must(api.POST('/session', { body: { token }, headers }))).data
      setState({ isPending: false, error: null })
      become(session)
      return true
    } catch (error) {
      setState({ isPending: false, error })
      return false
    }
  }
  return { ...state, signIn }
}

export function useSignOut() {
  return useMutation(
    {
      mutationFn: () => must(api.DELETE('/session')),
      networkMode: 'always',
      onError: noticeRefusal,
      onSuccess: () => {
        become(null)
        depart()
      },
    },
    sessions,
  )
}
