import { type FormEvent, useEffect, useRef, useState } from 'react'
import { type FieldErrors, formErrors } from '../api/client'
import type { Kind } from '../api/kinds'
import type { AvailableEvent } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { CheckField, SelectField, TextField } from '../ui/field'
import { Fault, Notice } from '../ui/notice'
import { Card } from '../ui/page'
import { checkTemplates, type Draft, hasControl, under } from './webhook-draft'
import { EventsField } from './webhook-events'
import { HeadersField, TemplatesField } from './webhook-lists'
import { SchemeField } from './webhook-secret'

/** Every field of a webhook, with the server's words about each beside it. */
export function WebhookForm({
  kind,
  draft,
  onChange,
  events,
  hasSecret,
  isNew,
  busy,
  failure,
  onSave,
}: {
  kind: Kind
  draft: Draft
  onChange: (change: (draft: Draft) => Draft) => void
  events: AvailableEvent[]
  hasSecret: boolean
  isNew: boolean
  busy: boolean
  failure: unknown
  onSave: () => void
}) {
  const { t } = useTranslation()
  const [local, setLocal] = useState<FieldErrors>({})
  const form = useRef<HTMLFormElement>(null)
  const set = (change: Partial<Draft>) => onChange((was) => ({ ...was, ...change }))
  const { errors: refused, fault } = formErrors(failure, (field) => hasControl(draft, field))
  const errors = { ...refused, ...local }
  const invalid = Object.keys(errors).length > 0
  const failed = fault !== undefined

  // The button that was pressed may be far below what went wrong: focus the first invalid field, or scroll to the message.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer is a reason to look again
  useEffect(() => {
    if (failed) form.current?.scrollIntoView({ block: 'start' })
    else if (invalid) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus()
  }, [failure, local, invalid, failed])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const bad = checkTemplates(draft.templates, t('webhook.template.bad'))
    setLocal(bad)
    if (Object.keys(bad).length === 0) onSave()
  }

  return (
    <form ref={form} onSubmit={submit} noValidate className="grid max-w-3xl scroll-mt-20 gap-4">
      {failed ? (
        <Fault of={fault} />
      ) : (
        Object.keys(refused).length > 0 && <Notice tone="bad" title={t('form.invalid')} />
      )}
      <Card title={t('webhook.section.target')} id="target">
        <div className="grid gap-4 p-4 pt-2 sm:grid-cols-[minmax(0,1fr)_8rem]">
          <TextField
            className="sm:col-span-2"
            label={t('name')}
            name="name"
            required
            value={draft.name}
            onChange={(e) => set({ name: e.target.value })}
            errors={errors.name}
          />
          <TextField
            label={t('webhook.url')}
            name="webhook_url"
            type="url"
            required
            placeholder="https://example.com/hooks"
            value={draft.url}
            onChange={(e) => set({ url: e.target.value })}
            errors={errors.webhook_url}
          />
          <SelectField
            label={t('webhook.method')}
            value={draft.method}
            onChange={(e) => set({ method: e.target.value as Draft['method'] })}
            errors={errors.http_method}
          >
            <option>POST</option>
            <option>PUT</option>
            <option>PATCH</option>
          </SelectField>
          {/* Of one that is there the heading has the button. */}
          {isNew && (
            <div className="sm:col-span-2">
              <CheckField
                label={t('webhook.enabled')}
                hint={t('webhook.enabled.hint')}
                checked={draft.enabled}
                onChange={(e) => set({ enabled: e.target.checked })}
              />
            </div>
          )}
        </div>
      </Card>
      <EventsField
        kind={kind}
        available={events}
        chosen={draft.events}
        onChange={(chosen) => set({ events: chosen })}
        errors={[...(errors.events ?? []), ...Object.values(under(errors, 'events.')).flat()]}
        {...(kind === 'campaigns' && { calls: draft.calls, onCalls: (calls: boolean) => set({ calls }) })}
      />
      <Security draft={draft} set={set} errors={errors} hasSecret={hasSecret} />
      <Card title={t('webhook.section.tries')} id="tries">
        <div className="grid gap-4 p-4 pt-2 sm:grid-cols-2">
          <TextField
            label={t('webhook.timeout')}
            hint={t('webhook.timeout.hint')}
            inputMode="numeric"
            value={draft.timeout}
            onChange={(e) => set({ timeout: e.target.value })}
            errors={errors.timeout}
          />
          <TextField
            label={t('webhook.retries')}
            hint={t('webhook.retries.hint')}
            inputMode="numeric"
            value={draft.retries}
            onChange={(e) => set({ retries: e.target.value })}
            errors={errors.max_retries}
          />
        </div>
      </Card>
      <TemplatesField
        templates={draft.templates}
        events={events.map(({ name }) => name)}
        onChange={(templates) => set({ templates })}
        errors={under(errors, 'payload_templates.')}
      />
      <div className="sticky bottom-14 z-10 -mx-4 flex justify-end gap-2 border-line border-t bg-paper/95 px-4 py-3 md:bottom-0 md:mx-0 md:px-0">
        <Button type="submit" look="primary" busy={busy}>
          {isNew ? t('webhook.create') : t('save')}
        </Button>
      </div>
    </form>
  )
}

function Security({
  draft,
  set,
  errors,
  hasSecret,
}: {
  draft: Draft
  set: (change: Partial<Draft>) => void
  errors: FieldErrors
  hasSecret: boolean
}) {
  const { t } = useTranslation()
  return (
    <Card title={t('webhook.section.security')} id="security">
      <div className="grid gap-4 p-4 pt-2 sm:grid-cols-2">
        <TextField
          className="sm:col-span-2"
          label={t('webhook.secret')}
          hint={t(hasSecret ? 'webhook.secret.kept' : 'webhook.secret.hint')}
          type="password"
          autoComplete="new-password"
          disabled={draft.dropSecret || draft.makeSecret}
          value={draft.secret}
          onChange={(e) => set({ secret: e.target.value })}
          errors={errors.webhook_secret}
        />
        <div className="sm:col-span-2">
          {hasSecret ? (
            <CheckField
              label={t('webhook.secret.drop')}
              checked={draft.dropSecret}
              onChange={(e) => set({ dropSecret: e.target.checked, secret: '' })}
            />
          ) : (
            <CheckField
              label={t('webhook.secret.make')}
              hint={t('webhook.secret.make.hint')}
              checked={draft.makeSecret}
              onChange={(e) => set({ makeSecret: e.target.checked, secret: '' })}
            />
          )}
        </div>
        <SchemeField
          value={draft.signature}
          onChange={(signature) => set({ signature })}
          errors={errors.signature_scheme}
        />
        <SelectField
          label={t('webhook.headerStyle')}
          hint={t('webhook.headerStyle.hint')}
          value={draft.headerStyle}
          onChange={(e) => set({ headerStyle: e.target.value as Draft['headerStyle'] })}
          errors={errors.header_style}
        >
          <option value="standard">Standard Webhooks</option>
          <option value="svix">Svix</option>
          <option value="both">{t('webhook.headerStyle.both')}</option>
        </SelectField>
        <SelectField
          label={t('webhook.scheme')}
          value={draft.scheme}
          onChange={(e) => set({ scheme: e.target.value as Draft['scheme'] })}
          errors={errors.authorization_scheme}
        >
          <option value="none">{t('scheme.none')}</option>
          <option value="bearer">{t('scheme.bearer')}</option>
          <option value="basic">{t('scheme.basic')}</option>
          <option value="api_key">{t('scheme.api_key')}</option>
          <option value="custom">{t('scheme.custom')}</option>
        </SelectField>
        {draft.scheme !== 'none' && (
          <TextField
            label={t('webhook.credential')}
            hint={t(`scheme.${draft.scheme}.hint`)}
            type="password"
            autoComplete="new-password"
            value={draft.credential}
            onChange={(e) => set({ credential: e.target.value })}
            errors={errors.authorization_value}
          />
        )}
        <HeadersField
          headers={draft.headers}
          onChange={(headers) => set({ headers })}
          errors={{ ...under(errors, 'custom_headers.'), '': errors.custom_headers ?? [] }}
        />
      </div>
    </Card>
  )
}
