import { QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { setEnvironment } from './api/environment'
import { createQueryClient } from './api/queries'
import { type Session, ShownSession, useCookie, useDepartures } from './api/session'
import { useTranslation } from './i18n'
import { SignInPage } from './pages/sign-in'
import { Shell } from './shell'
import { Fault } from './ui/notice'

/** Nobody passes without a session. Signing in happens in place, so that a link that was followed is where it leads. */
export function Gate() {
  return <Entrance key={useDepartures()} />
}

/**
 * Shows the environment that the cookie opens, and goes on showing it when the cookie no longer does: the sign-in form then
 * covers the page, and what was typed on it stays.
 */
function Entrance() {
  const { t } = useTranslation()
  const cookie = useCookie()
  const opens = cookie.data
  const [shown, setShown] = useState<Session>()
  if (opens && opens !== shown && (!shown || shown.environment.id === opens.environment.id)) setShown(opens)
  if (shown) {
    const lapsed = opens === null || opens?.environment.id !== shown.environment.id
    return <Environment session={shown} lapsed={lapsed} opens={opens ?? null} />
  }
  if (opens === null) return <SignInPage />
  if (cookie.error)
    return (
      <main className="mx-auto max-w-xl p-6 pt-[20vh]">
        <h1 className="sr-only">Carteiro</h1>
        <Fault of={cookie.error} retry={() => cookie.refetch()} />
      </main>
    )
  return (
    <main className="p-6">
      <h1 className="sr-only">Carteiro</h1>
      <p role="status" className="sr-only">
        {t('loading')}
      </p>
    </main>
  )
}

/** All pages of one environment. What is known of it is kept in a client of its own, and goes with it. */
function Environment({ session, lapsed, opens }: { session: Session; lapsed: boolean; opens: Session | null }) {
  const [client] = useState(() => {
    setEnvironment(session.environment.id)
    return createQueryClient()
  })
  useEffect(() => {
    if (lapsed) client.removeQueries({ type: 'inactive' })
    else client.invalidateQueries()
  }, [client, lapsed])
  useEffect(
    () => () => {
      setEnvironment(undefined)
      client.clear()
    },
    [client],
  )
  return (
    <QueryClientProvider client={client}>
      <ShownSession value={session}>
        <Shell session={session} />
        {lapsed && <SignInPage lapsed={session} opens={opens} />}
      </ShownSession>
    </QueryClientProvider>
  )
}
