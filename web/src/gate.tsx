import { useSession } from './api/session'
import { useTranslation } from './i18n'
import { SignInPage } from './pages/sign-in'
import { Shell } from './shell'
import { Fault } from './ui/notice'

/** Nobody passes without a session. Signing in happens in place, so that a link that was followed is where it leads. */
export function Gate() {
  const { t } = useTranslation()
  const session = useSession()
  if (session.data) return <Shell session={session.data} />
  if (session.data === null) return <SignInPage />
  if (session.error)
    return (
      <main className="mx-auto max-w-xl p-6 pt-[20vh]">
        <h1 className="sr-only">Carteiro</h1>
        <Fault of={session.error} retry={() => session.refetch()} />
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
