import { type FormEvent, useEffect, useState } from 'react'
import { ApiError } from '../api/client'
import { useSignIn } from '../api/session'
import { useTranslation } from '../i18n'
import { LanguageSelect, ThemeSelect } from '../shell'
import { Button } from '../ui/button'
import { TextField } from '../ui/field'
import { Fault } from '../ui/notice'

export function SignInPage() {
  const { t } = useTranslation()
  const [token, setToken] = useState('')
  const [missing, setMissing] = useState(false)
  const signIn = useSignIn()
  useEffect(() => {
    document.title = `${t('signIn')} · Carteiro`
  }, [t])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setMissing(token.trim() === '')
    if (token.trim() !== '') signIn.mutate(token.trim())
  }
  const fault = signIn.error
  const refused = fault instanceof ApiError && (fault.status === 401 || fault.status === 422)
  const errors = missing ? [t('signIn.missing')] : refused ? [fault.message] : undefined
  return (
    <main className="grid min-h-dvh content-between gap-8 px-4 py-6">
      <div />
      <div className="mx-auto w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <img src="/icon.svg" alt="" width="36" height="36" />
          <div>
            <h1 className="font-semibold text-lg leading-6 tracking-tight">Carteiro</h1>
            <p className="text-muted text-sm">{t('signIn.what')}</p>
          </div>
        </div>
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
          {fault && !refused && <Fault of={fault} />}
          <Button type="submit" look="primary" busy={signIn.isPending}>
            {t('signIn')}
          </Button>
        </form>
        <p className="mt-4 text-muted text-xs">
          {t('signIn.make')} <code className="wrap-anywhere">carteiro environment create production</code>
        </p>
      </div>
      <div className="mx-auto flex gap-6">
        <LanguageSelect />
        <ThemeSelect />
      </div>
    </main>
  )
}
