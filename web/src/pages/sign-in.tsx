import { type FormEvent, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { ApiError } from '../api/client'
import { depart, type Session, useSignIn } from '../api/session'
import { useTranslation } from '../i18n'
import { LanguageSelect, ThemeSelect } from '../shell'
import { Button } from '../ui/button'
import { TextField } from '../ui/field'
import { Fault, Notice } from '../ui/notice'

/**
 * Asks for a token. With `lapsed`, the session that a page still shows, it covers that page until somebody has signed in to the
 * same environment again, or goes on in the one that the cookie `opens`.
 */
export function SignInPage({ lapsed, opens = null }: { lapsed?: Session; opens?: Session | null }) {
  const { t } = useTranslation()
  useEffect(() => {
    const before = document.title
    document.title = `${t('signIn')} · Carteiro`
    return () => {
      document.title = before
    }
  }, [t])
  const page = (
    <div className="grid min-h-dvh content-between gap-8 px-4 py-6">
      <div />
      <div className="mx-auto w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <img src="/icon.svg" alt="" width="36" height="36" />
          <div>
            <h1 className="font-semibold text-lg leading-6 tracking-tight">Carteiro</h1>
            <p className="text-muted text-sm">{t('signIn.what')}</p>
          </div>
        </div>
        {lapsed && <Lapsed session={lapsed} opens={opens} />}
        <TokenForm {...(lapsed && { environment: lapsed.environment })} />
        <p className="mt-4 text-muted text-xs">
          {t('signIn.make')} <code className="wrap-anywhere">carteiro environment create production</code>
        </p>
      </div>
      <div className="mx-auto flex gap-6">
        <LanguageSelect />
        <ThemeSelect />
      </div>
    </div>
  )
  return lapsed ? <Cover>{page}</Cover> : <main>{page}</main>
}

/** Covers the whole page, dialogs included, and cannot be dismissed. */
function Cover({ children }: { children: React.ReactNode }) {
  const { t } = useTranslation()
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    dialog?.querySelector('input')?.focus()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={ref}
      aria-label={t('signIn')}
      className="m-0 h-dvh max-h-none w-dvw max-w-none overflow-y-auto bg-paper text-ink"
      onCancel={(event) => event.preventDefault()}
      onKeyDown={(event) => event.key === 'Escape' && event.preventDefault()}
      onClose={(event) => event.currentTarget.isConnected && event.currentTarget.showModal()}
    >
      {children}
    </dialog>
  )
}

/** Why the page is covered, and what becomes of it. */
function Lapsed({ session: { environment }, opens }: { session: Session; opens: Session | null }) {
  const { t } = useTranslation()
  return (
    <div className="mb-4">
      {opens ? (
        <Notice
          tone="warn"
          title={t('lapsed.other', { name: opens.environment.name })}
          action={
            <Button small className="wrap-anywhere whitespace-normal! py-1 text-left" onClick={depart}>
              {t('lapsed.switch', { name: opens.environment.name })}
            </Button>
          }
        >
          {t('lapsed.other.what', { name: environment.name })}
        </Notice>
      ) : (
        <Notice tone="warn" title={t('lapsed')}>
          {t('lapsed.what', { name: environment.name })}
        </Notice>
      )}
    </div>
  )
}

function TokenForm({ environment }: { environment?: Session['environment'] }) {
  const { t } = useTranslation()
  const [token, setToken] = useState('')
  const [missing, setMissing] = useState(false)
  const { signIn, isPending, error: fault } = useSignIn(environment?.id)
  const elsewhere = useSignIn()
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setMissing(token.trim() === '')
    if (token.trim() !== '') signIn(token.trim())
  }
  const refused = fault instanceof ApiError && (fault.status === 401 || fault.status === 422)
  const mismatch = fault instanceof ApiError && fault.code === 'ENVIRONMENT_MISMATCH'
  const errors = missing
    ? [t('signIn.missing')]
    : refused
      ? [fault.message]
      : mismatch
        ? [t('signIn.mismatch', { name: environment?.name ?? '' })]
        : undefined
  return (
    <form onSubmit={submit} noValidate className="card grid gap-4 p-5">
      <TextField
        label={t('signIn.token')}
        type="password"
        name="token"
        autoComplete="current-password"
        autoFocus
        placeholder="talq_…"
        required
        value={token}
        onChange={(event) => setToken(event.target.value)}
        errors={errors}
        hint={t('signIn.hint')}
      />
      {fault && !refused && !mismatch ? <Fault of={fault} /> : null}
      {elsewhere.error ? <Fault of={elsewhere.error} /> : null}
      <Button type="submit" look="primary" busy={isPending}>
        {t('signIn')}
      </Button>
      {mismatch && (
        <Button
          busy={elsewhere.isPending}
          onClick={() => elsewhere.signIn(token.trim()).then((done) => done && depart())}
        >
          {t('signIn.anyway')}
        </Button>
      )}
    </form>
  )
}
