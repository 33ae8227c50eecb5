import { type FormEvent, useState } from 'react'
import { formErrors } from '../api/client'
import type { Place } from '../api/owned'
import { useRotateSecret, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Code } from '../ui/code'
import { Dialog, DialogButtons } from '../ui/dialog'
import { SelectField, TextField } from '../ui/field'
import { Fault } from '../ui/notice'
import { Card } from '../ui/page'
import { Clock } from '../ui/time'
import { Unsaved } from '../ui/unsaved'

/** What signs a webhook's deliveries now, and the way to another secret without a failed delivery. */
export function SecretCard({ place, webhook }: { place: Place; webhook: Webhook }) {
  const { t } = useTranslation()
  const [asking, setAsking] = useState(false)
  const [made, setMade] = useState('')
  const former = webhook.previous_secrets ?? []
  return (
    <Card title={t('secret.rotate')} id="secret" className="max-w-3xl">
      <div className="grid gap-4 p-4 pt-1">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="max-w-prose text-muted">{t('secret.rotate.what')}</p>
          <Button onClick={() => setAsking(true)}>{t('secret.rotate.do')}</Button>
        </div>
        {webhook.public_key && (
          <div className="grid gap-1">
            <p className="font-medium text-sm">{t('secret.public')}</p>
            <Code text={webhook.public_key} label={t('secret.public')} />
          </div>
        )}
        {former.length > 0 && (
          <ul className="grid gap-1 text-sm">
            {former.map(({ ends_at, public_key }) => (
              <li key={ends_at + public_key} className="wrap-anywhere">
                {t('secret.former')} <Clock at={ends_at} />
                {public_key && <span className="text-muted"> {public_key}</span>}
              </li>
            ))}
          </ul>
        )}
      </div>
      {asking && (
        <Rotation
          place={place}
          webhook={webhook}
          onClose={() => setAsking(false)}
          onDone={(secret) => {
            setAsking(false)
            setMade(secret)
          }}
        />
      )}
      <Unsaved when={made !== ''} locked />
      {made !== '' && <MadeSecret secret={made} onClose={() => setMade('')} />}
    </Card>
  )
}

const rotationFields = new Set(['overlap', 'signature_scheme', 'webhook_secret'])

function Rotation({
  place,
  webhook,
  onClose,
  onDone,
}: {
  place: Place
  webhook: Webhook
  onClose: () => void
  onDone: (secret: string) => void
}) {
  const { t } = useTranslation()
  const rotate = useRotateSecret(place)
  const [secret, setSecret] = useState('')
  const [scheme, setScheme] = useState(webhook.signature_scheme)
  const [overlap, setOverlap] = useState('86400')
  const { errors, fault } = formErrors(rotate.error, (field) => rotationFields.has(field))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    rotate.mutate(
      {
        rotation: {
          signature_scheme: scheme,
          overlap: Number(overlap),
          ...(secret !== '' && { webhook_secret: secret }),
        },
        version: webhook.version,
      },
      { onSuccess: ({ webhook_secret }) => onDone(webhook_secret ?? '') },
    )
  }
  return (
    <Dialog title={t('secret.rotate')} onClose={onClose} locked={rotate.isPending}>
      <Unsaved when={rotate.isPending || secret !== ''} locked={rotate.isPending} />
      <form onSubmit={submit} noValidate className="grid gap-4">
        <SelectField
          label={t('secret.overlap')}
          hint={t('secret.overlap.hint')}
          data-first
          value={overlap}
          onChange={(e) => setOverlap(e.target.value)}
          errors={errors.overlap}
        >
          <option value="0">{t('secret.overlap.none')}</option>
          <option value="3600">{t('secret.overlap.hour')}</option>
          <option value="86400">{t('secret.overlap.day')}</option>
          <option value="604800">{t('secret.overlap.week')}</option>
        </SelectField>
        <SchemeField value={scheme} onChange={setScheme} errors={errors.signature_scheme} />
        <TextField
          label={t('secret.own')}
          hint={t('secret.own.hint')}
          type="password"
          autoComplete="new-password"
          value={secret}
          onChange={(e) => setSecret(e.target.value)}
          errors={errors.webhook_secret}
        />
        {fault !== undefined && <Fault of={fault} />}
        <DialogButtons action={t('secret.rotate')} busy={rotate.isPending} onCancel={onClose} />
      </form>
    </Dialog>
  )
}

/** How deliveries are signed. */
export function SchemeField({
  value,
  onChange,
  errors,
}: {
  value: Webhook['signature_scheme']
  onChange: (scheme: Webhook['signature_scheme']) => void
  errors?: string[] | undefined
}) {
  const { t } = useTranslation()
  return (
    <SelectField
      label={t('secret.scheme')}
      hint={t(`secret.scheme.${value}.hint`)}
      value={value}
      onChange={(e) => onChange(e.target.value as Webhook['signature_scheme'])}
      errors={errors}
    >
      <option value="hmac">{t('secret.scheme.hmac')}</option>
      <option value="ed25519">{t('secret.scheme.ed25519')}</option>
    </SelectField>
  )
}

/** A secret that was made, the only time that it can be seen. */
export function MadeSecret({ secret, onClose }: { secret: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Dialog title={t('secret.made')} onClose={onClose} locked>
      <div className="grid gap-4">
        <p className="text-muted">{t('secret.made.once')}</p>
        <Code text={secret} label={t('webhook.secret')} />
        <div className="flex justify-end">
          <Button look="primary" onClick={onClose}>
            {t('secret.made.kept')}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
